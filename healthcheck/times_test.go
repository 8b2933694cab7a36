package healthcheck

import (
	"slices"
	"testing"
	"time"
)

func TestValidateTimes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Spec)
		want   []string // "field: message; remedy"
	}{
		{"all", func(s *Spec) {
			s.EveryDown, s.Jitter, s.Retry, s.DelayBeforeRetry = time.Minute, MaxJitter, 2, 1999*time.Millisecond
		}, nil},
		{"every_down equal to timeout", func(s *Spec) { s.EveryDown = s.Timeout }, nil},
		{"retry without a delay", func(s *Spec) { s.Retry = 1 }, nil},
		{
			"every_down below timeout", func(s *Spec) { s.EveryDown = s.Timeout - 1 },
			[]string{"every_down: 999.999999ms is shorter than timeout (1s); at least 1s"},
		},
		{
			"every_down far too short", func(s *Spec) { s.EveryDown = time.Millisecond },
			[]string{"every_down: 1ms is too short; at least 10ms"},
		},
		{
			"jitter too large", func(s *Spec) { s.Jitter = MaxJitter + 1 },
			[]string{"jitter: 51 is out of range; 0 to 50, in percent of `every`"},
		},
		{
			"jitter negative", func(s *Spec) { s.Jitter = -1 },
			[]string{"jitter: -1 is out of range; 0 to 50, in percent of `every`"},
		},
		{
			"retry negative", func(s *Spec) { s.Retry = -1 },
			[]string{"retry: -1 is out of range; 0 to less than `fall`"},
		},
		{
			"retry not below fall", func(s *Spec) { s.Retry = 3 },
			[]string{"retry: of 3 retries not all can happen: after 3 failures (fall) the server is down; at most 2, or fall: 4"},
		},
		{
			"retry, and fall is wrong", func(s *Spec) { s.Retry, s.Fall = 3, 0 },
			[]string{"fall: 0 is out of range; 1 to 1000"},
		},
		{
			"delay not below every", func(s *Spec) { s.Retry, s.DelayBeforeRetry = 1, s.Every },
			[]string{"delay_before_retry: 2s is not sooner than every (2s); less than 2s"},
		},
		{
			"delay alone", func(s *Spec) { s.DelayBeforeRetry = time.Second },
			[]string{"delay_before_retry: means nothing without retry; remove it, or add retry: 1"},
		},
		{
			"delay negative", func(s *Spec) { s.Retry, s.DelayBeforeRetry = 1, -1 },
			[]string{"delay_before_retry: -1ns is negative; 0s or more"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := Defaults()
			tt.change(&spec)
			var got []string
			for _, e := range spec.Validate() {
				got = append(got, e.Error())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
