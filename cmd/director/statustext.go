package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"lvsdr/admin/api"
)

// writeStatus writes the whole status for people.
func writeStatus(w io.Writer, s *api.Status, columns serverColumns) {
	fmt.Fprintf(w, "LVS-DR director %s (size=%d), up %s\n", s.Version, s.Connections.Capacity, age(s.Now.Sub(s.Started)))
	writeAlarms(w, s)
	writeServices(w, s, columns)
	fmt.Fprintln(w)
	writeLAN(w, s)
	writeNotifications(w, s.Notifications)
	writeMemory(w, &s.Memory)
	writeConnections(w, &s.Connections)
	writeFrames(w, &s.Frames)
}

func writeAlarms(w io.Writer, s *api.Status) {
	for _, a := range s.Alarms {
		fmt.Fprintf(w, "ALARM%s: %s\n", since(a.Since, s.Now), indent(a.What))
		if a.Remedy != "" {
			fmt.Fprintf(w, "      to mend: %s\n", indent(a.Remedy))
		}
	}
	if len(s.Alarms) > 0 {
		fmt.Fprintln(w)
	}
}

// writeLAN writes VIPs, interfaces and what else the director does on its
// host.
func writeLAN(w io.Writer, s *api.Status) {
	for _, v := range s.VIPs {
		fmt.Fprintf(w, "VIP %s %s%s, MAC %s\n", v.Address, v.State, since(v.Since, s.Now), orDash(v.MAC))
		if v.RefusedBy != "" {
			fmt.Fprintf(w, "    %s has it\n", v.RefusedBy)
		}
		for _, c := range v.Claimants {
			fmt.Fprintf(w, "    claimed by %s: %d times, last %s ago by %s\n", claimant(c), c.Count, age(s.Now.Sub(c.Last)), c.How)
		}
	}
	for _, i := range s.Interfaces {
		fmt.Fprintf(w, "Interface %s %s, %s, MAC %s, MTU %d\n", i.Name, i.State, i.Role, orDash(i.MAC), i.MTU)
	}
	fmt.Fprintf(w, "Guard %s\n", s.Guard)
	fmt.Fprintf(w, "Configuration %s, loaded %s ago\n", s.ConfigFile, age(s.Now.Sub(s.ConfigSince)))
}

// writeNotifications says whether events reach whom they should.
func writeNotifications(w io.Writer, all []api.Notifications) {
	for _, n := range all {
		fmt.Fprintf(w, "Events to %s: %d delivered, %d failed, %d lost, %d waiting\n", n.To, n.Delivered, n.Failed, n.Lost, n.Waiting)
		if n.Error != "" {
			fmt.Fprintf(w, "    the last one: %s\n", indent(n.Error))
		}
	}
}

func claimant(c api.Claimant) string {
	if c.RealServer != "" {
		return c.MAC + " (real server " + c.RealServer + ")"
	}
	return c.MAC
}

func writeConnections(w io.Writer, c *api.Connections) {
	fmt.Fprintf(w, "Connections %d", c.Connections)
	if c.IPv6 > 0 {
		fmt.Fprintf(w, " (%d of them IPv6)", c.IPv6)
	}
	percent := 0.0
	if c.Capacity > 0 {
		percent = 100 * float64(c.Used) / float64(c.Capacity)
	}
	fmt.Fprintf(w, ", %.1f %% of the table, which takes %.1f MiB; %d inserted, %d found no place\n",
		percent, float64(c.Bytes)/(1<<20), c.Inserted, c.Refused)
}

// writeMemory says what the process holds, and what it should.
func writeMemory(w io.Writer, m *api.Memory) {
	if m.Resident == 0 {
		return
	}
	parts := make([]string, 0, len(m.Parts))
	for _, p := range m.Parts {
		parts = append(parts, fmt.Sprintf("%s %.1f", strings.ReplaceAll(p.Name, "_", " "), float64(p.Bytes)/(1<<20)))
	}
	fmt.Fprintf(w, "Memory %s resident, %s declared: %s\n", mebibytes(m.Resident), mebibytes(m.Declared()), strings.Join(parts, ", "))
}

func writeFrames(w io.Writer, f *api.Frames) {
	fmt.Fprintf(w, "Frames %d received, %d lost\n", f.Received, f.Lost)
	for _, v := range f.Verdicts {
		reason := v.Reason
		if reason == v.Kind {
			reason = ""
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %15d  %-8s %s", v.Frames, v.Kind, reason), " "))
	}
}

// since returns " for 3m12s", or nothing for a moment that is not known or has
// just been.
func since(t, now time.Time) string {
	if t.IsZero() || now.Sub(t) < time.Second {
		return ""
	}
	return " for " + age(now.Sub(t))
}

// age writes a time span in its two largest units.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	d = max(d, 0).Truncate(time.Second)
	switch {
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// indent keeps the further lines of a text below its first.
func indent(text string) string { return strings.ReplaceAll(text, "\n", "\n      ") }
