package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"lvsdr/healthcheck"
	"lvsdr/scheduler"
)

// DynamicWeight says how what servers say of their load scales their weights. All but
// Smoothing are in percent. The zero value is that it does not.
type DynamicWeight struct {
	Min, Max  int // 1..100; Max is 0 where weights are not dynamic
	Step      int // the least change
	Smoothing time.Duration
	Agent     healthcheck.Spec // what asks for it; Kind is "" where the service's check does
}

// On reports whether weights are dynamic.
func (d *DynamicWeight) On() bool { return d.Max > 0 }

var dynamicWeightKeys = grammar{name: "dynamic_weight", keys: []string{"min", "max", "step", "smoothing", "agent"}}

const (
	defaultDynamicMin   = 10
	defaultDynamicStep  = 5
	defaultSmoothing    = 10 * time.Second
	maxSmoothing        = 10 * time.Minute
	maxDynamicStep      = 50
	defaultAgentEvery   = 5 * time.Second
	defaultAgentTimeout = 2 * time.Second
)

// telling are the kinds of checks whose servers can say something of their load.
var telling = []string{"exec", "file", "http", "https"}

// dynamicWeight reads a switch, or the mapping behind dynamic_weight. The check and the
// scheduler have been read.
func (s section) dynamicWeight(svc *Service) (d DynamicWeight) {
	v := s.get("dynamic_weight")
	if !v.present() || v.isNull() || v.node.Kind == yaml.MappingNode && len(v.node.Content) == 0 {
		return d
	}
	on := DynamicWeight{Min: defaultDynamicMin, Max: 100, Step: defaultDynamicStep, Smoothing: defaultSmoothing}
	if v.node.Kind == yaml.ScalarNode {
		if v.onOff(false) {
			d = on
		}
	} else {
		d = v.scale(on)
	}
	check := s.get("check")
	switch {
	case !d.On(), v.d.failedIn(v.key):
	case d.Agent.Kind == "" && !slices.Contains(telling, svc.Check.Kind) && !v.d.failedIn(check.key):
		v.fail("needs a check by which servers say something, and "+svc.Check.Kind+" is none",
			"write an agent: with one, or a check of kind "+list(telling, "or"))
	case !scheduler.Proportional(svc.Scheduler) && !scheduler.Hashes(svc.Scheduler) && !s.get("scheduler").failed():
		v.warn("has no effect but for 0%: "+svc.Scheduler+" gives no shares by weight", "remove it, or write another scheduler, such as wlc")
	}
	return d
}

// scale reads the mapping.
func (v value) scale(def DynamicWeight) DynamicWeight {
	s := v.section(dynamicWeightKeys)
	low, high := s.get("min"), s.get("max")
	d := DynamicWeight{
		Min: low.percent(def.Min, 1, 100), Max: high.percent(def.Max, 1, 100),
		Step:      s.get("step").percent(def.Step, 1, maxDynamicStep),
		Smoothing: s.get("smoothing").duration(def.Smoothing, 0, maxSmoothing),
	}
	if d.Min > d.Max {
		if at := low; !low.failed() && !high.failed() {
			if !at.present() {
				at = high
			}
			at.fail(fmt.Sprintf("min is %d%%, above max, %d%%", d.Min, d.Max), "write a min that is at most max")
		}
		d.Min = d.Max
	}
	d.Agent = s.agent()
	return d
}

// agent reads the check that asks servers of their load alone; Kind is "" if there is none.
func (s section) agent() healthcheck.Spec {
	v := s.get("agent")
	if !v.present() || v.isNull() {
		return healthcheck.Spec{}
	}
	spec := healthcheck.Defaults().WithKind("http")
	spec.Via, spec.Every, spec.Timeout = healthcheck.ViaReal, defaultAgentEvery, defaultAgentTimeout
	spec = s.check("agent", spec)
	kind := join(v.key, "kind")
	switch port := join(v.key, "port"); {
	case s.d.bad[kind] || s.d.bad[v.key]:
	case !slices.Contains(telling, spec.Kind):
		s.d.add(kind, s.d.where[kind], "by "+spec.Kind+" servers say nothing of their load", "write "+oneOf(telling))
	case spec.NeedsPort() && spec.Port == 0 && !s.d.bad[port]:
		s.d.add(port, v.at, "is missing", "write the port on which servers tell of their load, such as 9481")
	}
	return spec
}

// percent reads a percentage from lo to hi.
func (v value) percent(def, lo, hi int) int {
	if !v.present() {
		return def
	}
	remedy := fmt.Sprintf("write a percentage from %d%% to %d%%", lo, hi)
	text, ok := v.text(remedy)
	if !ok {
		return def
	}
	digits, isPercent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	switch {
	case !isDecimal(digits):
		v.fail(quote(text)+" is not a percentage", remedy)
	case !isPercent:
		v.fail(text+" has no %", remedy)
	case err != nil || n < lo || n > hi:
		v.fail(text+" is out of range", remedy)
	default:
		return n
	}
	return def
}
