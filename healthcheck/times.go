package healthcheck

import (
	"fmt"
	"time"
)

// Shortest interval and longest counts that make sense for a probe: below the
// one, probing is load; above the other, a typing error.
const (
	minEvery  = 10 * time.Millisecond
	maxCounts = 1000
)

// MaxJitter is the largest Spec.Jitter, that of HAProxy's spread-checks.
const MaxJitter = 50

// DefaultDelayBeforeRetry is what a configuration that has retry alone means,
// unless half of `every` is less.
const DefaultDelayBeforeRetry = time.Second

func (s *Spec) validateTimes() []FieldError {
	var errs []FieldError
	if s.Every < minEvery {
		errs = append(errs, FieldError{"every", s.Every.String() + " is too short", "at least " + minEvery.String()})
	}
	switch {
	case s.Timeout <= 0:
		errs = append(errs, FieldError{"timeout", s.Timeout.String() + " leaves no time for an answer", "more than 0s, at most `every`"})
	case s.Every >= minEvery && s.Timeout > s.Every:
		errs = append(errs, FieldError{
			"timeout", fmt.Sprintf("%s is longer than every (%s)", s.Timeout, s.Every),
			"at most " + s.Every.String(),
		})
	}
	for _, c := range []struct {
		field string
		n     int
	}{{"rise", s.Rise}, {"fall", s.Fall}} {
		if c.n < 1 || c.n > maxCounts {
			errs = append(errs, FieldError{c.field, fmt.Sprintf("%d is out of range", c.n), fmt.Sprintf("1 to %d", maxCounts)})
		}
	}
	errs = append(errs, s.validateEveryDown()...)
	if s.Jitter < 0 || s.Jitter > MaxJitter {
		errs = append(errs, FieldError{"jitter", fmt.Sprintf("%d is out of range", s.Jitter), fmt.Sprintf("0 to %d, in percent of `every`", MaxJitter)})
	}
	return append(errs, s.validateRetry()...)
}

func (s *Spec) validateEveryDown() []FieldError {
	switch {
	case s.EveryDown == 0:
	case s.EveryDown < minEvery:
		return []FieldError{{"every_down", s.EveryDown.String() + " is too short", "at least " + minEvery.String()}}
	case s.EveryDown < s.Timeout:
		return []FieldError{{
			"every_down", fmt.Sprintf("%s is shorter than timeout (%s)", s.EveryDown, s.Timeout),
			"at least " + s.Timeout.String(),
		}}
	}
	return nil
}

// validateRetry refuses retries that would never happen: whoever wrote them
// believes that they do.
func (s *Spec) validateRetry() []FieldError {
	var errs []FieldError
	switch {
	case s.Retry < 0 || s.Retry > maxCounts:
		errs = append(errs, FieldError{"retry", fmt.Sprintf("%d is out of range", s.Retry), "0 to less than `fall`"})
	case s.Retry > 0 && s.Fall > 0 && s.Retry >= s.Fall:
		errs = append(errs, FieldError{
			"retry", fmt.Sprintf("of %d retries not all can happen: after %d failures (fall) the server is down", s.Retry, s.Fall),
			fmt.Sprintf("at most %d, or fall: %d", s.Fall-1, s.Retry+1),
		})
	}
	delay := s.DelayBeforeRetry
	switch {
	case delay < 0:
		errs = append(errs, FieldError{"delay_before_retry", delay.String() + " is negative", "0s or more"})
	case delay > 0 && s.Retry == 0:
		errs = append(errs, FieldError{"delay_before_retry", "means nothing without retry", "remove it, or add retry: 1"})
	case delay > 0 && delay >= s.Every && s.Every >= minEvery:
		errs = append(errs, FieldError{
			"delay_before_retry", fmt.Sprintf("%s is not sooner than every (%s)", delay, s.Every), "less than " + s.Every.String(),
		})
	}
	return errs
}
