package director_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lvsdr/admin/api"
	"lvsdr/director"
	"lvsdr/frame"
)

// taken is how long a change takes.
func (r *rig) taken(changes ...api.Change) time.Duration {
	r.Helper()
	from := time.Now()
	r.change(changes...)
	return time.Since(from)
}

// TestChangeAwaitsMAC: a script that adds a server and then sends traffic works.
func TestChangeAwaitsMAC(t *testing.T) {
	within(t, func(r *rig) {
		r.write(global)
		r.start()
		r.change(addService(vip))
		r.lan.RemoveNeighbor(real(21)) // it is asked for at 0, 0.2, 1 s and then fails, at 2 s
		go func() {
			time.Sleep(100 * time.Millisecond)
			r.lan.AddNeighbor(real(21), realMAC(21))
		}()
		if d := r.taken(add.server(21, 1)); d != 200*time.Millisecond {
			t.Errorf("a server that answers late: %v", d)
		}
		if got := r.serversOf(1); got[21] != 1 {
			t.Errorf("the next connection went to %v: %v", got, r.verdicts())
		}
		if d := r.taken(add.server(22, 1), modify.server(21, 2)); d != 0 {
			t.Errorf("a server that answers at once: %v", d)
		}
		r.change(addService(otherVIP))
		if d := r.taken(api.Change{Op: api.AddServer, Service: serviceOn(otherVIP), Server: &api.Destination{Address: "192.0.2.21:80", Weight: 1}}); d != 0 {
			t.Errorf("a server that is known from another service: %v", d)
		}
	})
}

// TestChangeAwaitsMACInUse: it is not enough that the resolver knows the address,
// which it may learn at any moment of a change. Whoever is next in line after
// the change finds it in use.
func TestChangeAwaitsMACInUse(t *testing.T) {
	within(t, func(r *rig) {
		next := make(chan *api.Status, 1)
		r.logged = func(message string) {
			if strings.HasPrefix(message, "services changed") {
				go func() { next <- r.status() }()
				time.Sleep(time.Millisecond) // the resolver has its answer when the director goes on
			}
		}
		r.up()
		for n := 30; n < 50; n++ { // the director takes this or that of two first
			r.lan.AddNeighbor(real(n), realMAC(n))
			r.change(add.server(n, 1))
			if s := server(<-next, "web", n); s.MAC == "" {
				t.Fatalf("%+v", s)
			}
		}
	})
}

// TestChangeGivesUpOnMAC: it waits for a second, once, and meanwhile the
// director does all else.
func TestChangeGivesUpOnMAC(t *testing.T) {
	within(t, func(r *rig) {
		r.write(global)
		r.start()
		r.change(addService(vip), addService(otherVIP))
		r.lan.RemoveNeighbor(real(21))
		ended := make(chan time.Duration)
		go func() { ended <- r.taken(add.server(21, 1), add.server(22, 1)) }()
		synctest.Wait()
		if d := r.taken(add.server(23, 1)); d != 0 || server(r.status(), "tcp-192.0.2.10-80", 23).MAC == "" {
			t.Errorf("while one waits, another change took %v", d)
		}
		if got := r.serversOf(1, 2); got[22]+got[23] != 2 {
			t.Errorf("while one waits, two connections went to %v", got)
		}
		if d := <-ended; d != time.Second {
			t.Errorf("a server that does not answer: %v", d)
		}
		r.pass(2 * time.Second)
		if d := r.taken(api.Change{Op: api.AddServer, Service: serviceOn(otherVIP), Server: &api.Destination{Address: "192.0.2.21:80", Weight: 1}}); d != 0 {
			t.Errorf("a server that is known not to answer: %v", d)
		}
	})
}

// TestChangeAwaitsNothing: not the addresses of servers that cannot be asked
// for, and not those of a director or a caller that has ended.
func TestChangeAwaitsNothing(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.lan.RemoveNeighbor(real(23))
		ctx, leave := context.WithCancel(r.Context())
		left := make(chan error)
		go func() {
			done, err := r.d.Change(ctx, api.Changes{add.server(23, 1)})
			if done.Applied != 1 {
				err = errors.New("it was not made")
			}
			left <- err
		}()
		synctest.Wait()
		leave()
		if err := <-left; err != nil {
			t.Errorf("a caller who left: %v", err)
		}
		r.change(remove.server(23, 0))
		r.lan.Delete()
		r.pass(time.Second)
		if d := r.taken(add.server(23, 1)); d != 0 {
			t.Errorf("without an interface: %v", d)
		}
		r.lan.Create(lanMAC)
		r.pass(time.Second)
		r.change(remove.server(23, 0))
		stopped := make(chan error)
		d := r.d
		go func() {
			_, err := d.Change(r.Context(), api.Changes{add.server(23, 1)})
			stopped <- err
		}()
		synctest.Wait()
		from := time.Now()
		r.stop()
		if err := <-stopped; err != nil || time.Since(from) != 0 {
			t.Errorf("a director that stopped: %v after %v", err, time.Since(from))
		}
		if _, err := d.Change(r.Context(), nil); !errors.Is(err, director.ErrStopped) {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestChangeLinkDown: nobody is asked for while the link is down.
func TestChangeLinkDown(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.lan.SetUp(false)
		if d := r.taken(add.server(23, 1)); d != time.Second {
			t.Errorf("%v", d)
		}
		r.lan.SetUp(true)
		r.pass(time.Second)
		if sent := r.send(segment(1, frame.TCPSyn)); len(sent) != 1 || server(r.status(), "web", 23).MAC == "" {
			t.Errorf("%d frames sent", len(sent))
		}
	})
}
