package config

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lvsdr/healthcheck"
	"lvsdr/scheduler"
)

// FuzzParse: no text makes Parse panic, an error is always complete, and a
// Config that comes out keeps every promise of its types, twice.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, file := range append(files, "../docs/director.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("fuzz.yaml", data)
		if err != nil {
			checkErrors(t, err)
			return
		}
		checkConfig(t, c)
		again, err := Parse("fuzz.yaml", data)
		if err != nil || !c.Equal(again) {
			t.Errorf("parsed again: %v\n%+v\n%+v", err, c, again)
		}
	})
}

// holds fails the test if a promise is not kept.
func holds(t *testing.T, ok bool, what string, v any) {
	t.Helper()
	if !ok {
		t.Errorf("%s: %+v", what, v)
	}
}

func within[T int | time.Duration](v, lo, hi T) bool { return lo <= v && v <= hi }

// checkConfig tests what the comments of Config promise.
func checkConfig(t *testing.T, c *Config) {
	t.Helper()
	for _, name := range []string{c.Ingress, c.Egress} {
		holds(t, name != "" && len(name) <= 15, "interface", name)
	}
	holds(t, (c.MAC == MACVirtual) == (c.RouterID != 0), "router id", c)
	holds(t, within(c.Workers, 1, 64), "workers", c)
	holds(t, within(c.Connections, 1024, 100_000_000), "connections", c)
	holds(t, c.StateDir == "" || filepath.IsAbs(c.StateDir), "state_dir", c)
	holds(t, filepath.IsAbs(c.Admin.Socket), "socket", c)
	holds(t, within(c.Quotas.HalfOpen, 1, 100) && within(c.Quotas.UDP, 1, 100), "quotas", c)
	holds(t, c.Rules == "" || filepath.IsAbs(c.Rules), "rules", c)
	checkIPVS(t, c.IPVS)
	for _, w := range c.Warnings {
		holds(t, w.Line > 0 && w.Message != "" && w.Remedy != "", "warning", w)
	}
	checkVIPs(t, c)
	checkTimeouts(t, c.Timeouts)
	names := make(map[string]bool)
	ports := make(map[Address]Protocol)
	for _, s := range c.Services {
		holds(t, s.Name != "" && !names[s.Name], "name", s)
		names[s.Name] = true
		checkService(t, s)
		for _, a := range s.Addresses {
			holds(t, ports[a] != s.Protocol, "address twice", a)
			ports[a] = s.Protocol
		}
	}
}

func checkIPVS(t *testing.T, i IPVS) {
	t.Helper()
	holds(t, within(i.ConnReuseMode, 0, 3) && within(i.SecureTCP, 0, 3), "mode", i)
	holds(t, within(i.DropEntry, 0, 3) && within(i.DropPacket, 0, 3) && i.AmDropRate > 0, "defence", i)
	holds(t, i.LBLCExpiration > 0 && i.LBLCRExpiration > 0, "expiration", i)
}

// checkVIPs: no real server is a VIP.
func checkVIPs(t *testing.T, c *Config) {
	t.Helper()
	vips := vipsOf(c)
	for _, a := range c.VIPs {
		holds(t, a.Is4(), "vip", a)
	}
	for _, s := range c.Services {
		for _, r := range s.RealServers {
			holds(t, !vips[r.Addr], "real server is a VIP", r)
		}
	}
}

func checkPersistence(t *testing.T, p Persistence) {
	t.Helper()
	if p.Timeout != 0 {
		holds(t, within(p.Timeout, minPersistence, maxPersistence) && within(p.Prefix, 1, 32), "persistence", p)
		return
	}
	holds(t, p == Persistence{}, "persistence", p)
}

func checkTimeouts(t *testing.T, o Timeouts) {
	t.Helper()
	for _, d := range []time.Duration{o.TCP, o.TCPFin, o.UDP} {
		holds(t, within(d, minIdle, maxIdle), "timeout", o)
	}
}

func checkService(t *testing.T, s Service) {
	t.Helper()
	holds(t, len(s.Addresses) > 0, "addresses", s)
	for _, a := range s.Addresses {
		holds(t, a.Addr.Is4() && a.FirstPort <= a.LastPort, "address", a)
		holds(t, a.FirstPort > 0 || a.LastPort == 0 && s.Persistence.Timeout > 0, "port 0", s)
	}
	holds(t, s.Protocol.Number() != 0, "protocol", s)
	holds(t, !s.OnePacket || s.Protocol == UDP, "one packet", s)
	checkPersistence(t, s.Persistence)
	holds(t, slices.Contains(scheduler.Names(), s.Scheduler), "scheduler", s)
	for _, f := range s.Flags {
		holds(t, slices.Contains(scheduler.Flags(s.Scheduler), f), "flag", s)
	}
	holds(t, s.Reject != RejectRST || s.Protocol == TCP, "reject", s)
	holds(t, slices.Contains(healthcheck.Kinds(), s.Check.Kind), "kind", s)
	holds(t, len(s.Check.Validate()) == 0, "check", s)
	holds(t, s.AssumeUp || s.Check.Kind != kindNone, "assume", s)
	holds(t, s.Line > 0, "line", s)
	checkTimeouts(t, s.Timeouts)
	for _, r := range s.RealServers {
		holds(t, r.Addr.Is4() && s.hasPort(r.Port) && r.Line > 0, "real server", r)
		holds(t, r.Port > 0 || !s.probesRealPort(), "port to check", r)
		holds(t, within(r.Weight, 0, 65535), "weight", r)
		holds(t, r.Lower <= r.Upper, "thresholds", r)
		holds(t, r.MAC.IsZero() || r.MAC.IsUnicast(), "mac", r)
	}
}
