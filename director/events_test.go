package director_test

import (
	"testing"
	"testing/synctest"
	"time"

	"lvsdr/admin/api"
)

// TestEventsOfADirector: what the hook hears is what readers get, numbered; a follower is
// let go at the end.
func TestEventsOfADirector(t *testing.T) {
	within(t, func(r *rig) {
		var heard, followed []api.Event
		r.event = func(e api.Event) { heard = append(heard, e) }
		r.up()
		gone := make(chan error, 1)
		d := r.d
		go func() {
			gone <- d.Events(r.Context(), api.EventFilter{Follow: true}, func(events []api.Event) bool {
				followed = append(followed, events...)
				return true
			})
		}()
		r.fail(21)
		r.order(api.OrderRequest{Duty: api.Disable, Server: "192.0.2.22", By: somebody})
		r.pass(time.Second)
		var read []api.Event
		if err := d.Events(r.Context(), api.EventFilter{}, func(events []api.Event) bool {
			read = append(read, events...)
			return true
		}); err != nil {
			t.Error(err)
		}
		r.stop()
		synctest.Wait()
		if err := <-gone; err != nil {
			t.Error(err)
		}
		if len(heard) < 6 || len(read) != len(heard) || len(followed) != len(heard) {
			t.Fatalf("%d heard, %d read, %d followed", len(heard), len(read), len(followed))
		}
		for i, e := range heard {
			if e.Seq != uint64(i+1) || read[i] != e || followed[i] != e {
				t.Errorf("event %d: heard %+v, read %+v, followed %+v", i, e, read[i], followed[i])
			}
		}
	})
}
