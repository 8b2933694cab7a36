package config

import (
	"time"

	"lvsdr/healthcheck"
)

// The limits of how often a check runs.
const (
	minEvery   = 10 * time.Millisecond
	maxEvery   = time.Hour
	minTimeout = time.Millisecond
	maxTries   = 1000
)

// timeKeys are the keys of a check that say when it runs and what decides.
var timeKeys = []string{
	"every", "every_down", "timeout", "jitter", "rise", "fall", "retry", "delay_before_retry",
}

// times reads them. A shorter interval alone must not need a timeout or a delay
// too.
func (s section) times(spec *healthcheck.Spec) {
	spec.Every = s.get("every").duration(spec.Every, minEvery, maxEvery)
	spec.EveryDown = s.get("every_down").duration(spec.Every, minEvery, maxEvery)
	spec.Timeout = s.get("timeout").duration(min(spec.Timeout, spec.Every, spec.EveryDown), minTimeout, maxEvery)
	spec.Jitter = s.get("jitter").integer(spec.Jitter, 0, healthcheck.MaxJitter)
	spec.Rise = s.get("rise").integer(spec.Rise, 1, maxTries)
	spec.Fall = s.get("fall").integer(spec.Fall, 1, maxTries)
	spec.Retry = s.get("retry").integer(spec.Retry, 0, maxTries-1)
	delay := time.Duration(0)
	if spec.Retry > 0 {
		delay = min(healthcheck.DefaultDelayBeforeRetry, spec.Every/2)
	}
	spec.DelayBeforeRetry = s.get("delay_before_retry").duration(delay, 0, maxEvery)
	if spec.EveryDown == spec.Every {
		spec.EveryDown = 0 // the same, and shorter where a Config is written
	}
}
