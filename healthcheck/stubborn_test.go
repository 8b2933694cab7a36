package healthcheck

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestStubborn: who waits for a probe that does not end waits no longer than it may,
// and there is no other until it has ended.
func TestStubborn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s stubborn
		release := make(chan struct{})
		await := func() (time.Duration, error) {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := s.await(ctx, func() { <-release })
			return time.Since(start), err
		}
		for _, tt := range []struct {
			after, took time.Duration // until fn ends, and until await does
			want        error
		}{
			{0, 0, nil},
			{500 * time.Millisecond, 500 * time.Millisecond, nil},
			{1500 * time.Millisecond, 1500 * time.Millisecond, nil},
			{time.Hour, time.Second + endWithin, errStuck},
			{0, 0, nil},
		} {
			if err := s.free(); err != nil {
				t.Errorf("before %v: %v", tt.after, err)
			}
			time.AfterFunc(tt.after, func() { release <- struct{}{} })
			if took, err := await(); took != tt.took || !errors.Is(err, tt.want) {
				t.Errorf("ends after %v: %v after %v", tt.after, err, took)
			}
			if err := s.free(); !errors.Is(err, tt.want) {
				t.Errorf("after %v: %v", tt.after, err)
			}
			time.Sleep(time.Hour)
		}
	})
}

// TestStuck: a probe that is not over fails the next ones, of the kinds that wait for
// file systems.
func TestStuck(t *testing.T) {
	file := &fileCheck{path: "/nowhere"}
	program := &execCheck{command: command{args: []string{"/bin/true"}}}
	for _, s := range []struct {
		question
		*stubborn
	}{{file, &file.stubborn}, {program, &program.command.stubborn}} {
		s.stuck.Add(1)
		if _, err := s.ask(t.Context()); !errors.Is(err, errStuck) {
			t.Errorf("%s: %v", s, err)
		}
	}
}
