package admin

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// TestLimited: a fifth waits for its turn, and is told so if that never comes.
func TestLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, leave := make(chan struct{}, 10), make(chan struct{})
		h := limited(4, func(http.ResponseWriter, *http.Request) {
			inside <- struct{}{}
			<-leave
		})
		codes := make(chan int, 10)
		ask := func() {
			w := httptest.NewRecorder()
			h(w, httptest.NewRequest(http.MethodGet, "/v1/status", http.NoBody))
			codes <- w.Code
		}
		for range 5 {
			go ask()
		}
		synctest.Wait()
		if len(inside) != 4 {
			t.Fatalf("%d at once", len(inside))
		}
		time.Sleep(statusTimeout) // of the bubble
		if code := <-codes; code != http.StatusServiceUnavailable {
			t.Errorf("the fifth got %d", code)
		}
		go ask()
		leave <- struct{}{}
		synctest.Wait()
		if len(inside) != 5 {
			t.Errorf("nobody took the place that is free")
		}
		close(leave)
		for range 5 {
			if code := <-codes; code != http.StatusOK {
				t.Errorf("got %d", code)
			}
		}
	})
}
