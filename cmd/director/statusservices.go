package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"lvsdr/admin/api"
)

// serverColumns are what is shown of a real server behind its address.
type serverColumns struct {
	header string
	row    func(*api.RealServer) string
}

// The columns of the three views: the first four and the headers are where
// ipvsadm -Ln, --stats and --rate have them. There are none of what leaves:
// replies do not pass a director.
var (
	stateColumns = serverColumns{
		header: "Forward Weight ActiveConn InActConn  State       MAC                    CPS      PPS",
		row: func(r *api.RealServer) string {
			return fmt.Sprintf("%-7s %-6d %-10d %-10d %-11s %-17s %8s %8s", "Route", r.Weight, r.Active, r.Inactive,
				stateOf(r), orDash(r.MAC), short(r.ConnectionsS), short(r.PacketsS))
		},
	}
	statsColumns = serverColumns{
		header: "    Conns   InPkts  InBytes",
		row: func(r *api.RealServer) string {
			return fmt.Sprintf(" %8s %8s %8s", short(float64(r.Connections)), short(float64(r.Packets)), short(float64(r.Bytes)))
		},
	}
	rateColumns = serverColumns{
		header: "      CPS    InPPS    InBPS",
		row: func(r *api.RealServer) string {
			return fmt.Sprintf(" %8s %8s %8s", short(r.ConnectionsS), short(r.PacketsS), short(r.BytesS))
		},
	}
)

// writeServices writes the table of services and real servers.
func writeServices(w io.Writer, s *api.Status, columns serverColumns) {
	fmt.Fprintln(w, "Prot LocalAddress:Port Scheduler Flags")
	fmt.Fprintf(w, "  -> %-28s %s\n", "RemoteAddress:Port", columns.header)
	for i := range s.Services {
		writeService(w, &s.Services[i], s.Now, columns)
	}
}

// writeService has a line for each of the service's addresses, then its real
// servers.
func writeService(w io.Writer, service *api.Service, now time.Time, columns serverColumns) {
	scheduler := service.Scheduler
	if len(service.Flags) > 0 {
		scheduler += " (" + strings.Join(service.Flags, ",") + ")"
	}
	for _, address := range service.Addresses {
		fmt.Fprintf(w, "%-4s %s %s [%s]\n", strings.ToUpper(service.Protocol), address, scheduler, service.Name)
	}
	if note := quorumNote(&service.Quorum); note != "" {
		fmt.Fprintf(w, "       %s\n", note)
	}
	for i := range service.Servers {
		writeServer(w, &service.Servers[i], now, columns)
	}
	if service.SorryServer != nil {
		writeServer(w, service.SorryServer, now, columns)
	}
}

func writeServer(w io.Writer, r *api.RealServer, now time.Time, columns serverColumns) {
	fmt.Fprintf(w, "  -> %-28s %s\n", r.Address, columns.row(r))
	for _, note := range serverNotes(r, now) {
		fmt.Fprintf(w, "       %s\n", note)
	}
}

// quorumNote says who serves a service that has too few servers.
func quorumNote(q *api.Quorum) string {
	who, lost := map[string]string{
		"sorry": "the sorry server serves", "few": "those that are up serve all the same",
		"open": "those that fail their checks serve", "refused": "clients are refused",
	}[q.Plan]
	if !lost || q.Plan == "refused" && q.Weight == 0 {
		return "" // each server says why
	}
	return fmt.Sprintf("no quorum: usable servers have weight %d, %d are needed; %s", q.Weight, q.Up, who)
}

// stateOf is what a server is for its service.
func stateOf(r *api.RealServer) string { return cmp.Or(r.State, r.Health) }

// stateNote says why a server is in its state, and how long it will be.
func stateNote(r *api.RealServer, now time.Time) string {
	note := stateOf(r) + since(cmp.Or(r.StateSince, r.Since), now)
	switch r.State {
	case "warming":
		return fmt.Sprintf("%s: %d %% of its weight, all of it in %s", note, r.Share, age(r.Until.Sub(now)))
	case "draining":
		note += fmt.Sprintf(": %d connections left", r.Active+r.Inactive)
		if !r.Until.IsZero() {
			note += ", to be cut off in " + age(r.Until.Sub(now))
		}
		return note + ordered(r.Orders, now)
	}
	if why := cmp.Or(r.Reason, r.Check); why != "" {
		note += ": " + why
	}
	if !r.Until.IsZero() {
		note += fmt.Sprintf(" (at the earliest in %s)", age(r.Until.Sub(now)))
	}
	if r.State == "maintenance" {
		note += ordered(r.Orders, now)
	}
	return note
}

// ordered says who gave the order by which a server is out of service.
func ordered(orders []api.Order, now time.Time) string {
	for _, o := range orders {
		if o.Duty != api.SetWeight {
			return fmt.Sprintf("; ordered by %s, %s ago", cmp.Or(o.By, "an operator"), age(now.Sub(o.At)))
		}
	}
	return ""
}

// serverNotes says why a real server gets less than it might, or something else than
// the configuration says.
func serverNotes(r *api.RealServer, now time.Time) (notes []string) {
	if stateOf(r) != "up" {
		notes = append(notes, stateNote(r, now))
	}
	for _, o := range r.Orders {
		if o.Duty == api.SetWeight {
			notes = append(notes, fmt.Sprintf("weight %d by %s, %s ago; the configuration has %d",
				o.Weight, cmp.Or(o.By, "an operator"), age(now.Sub(o.At)), o.Instead))
		}
	}
	if note := loadNote(r.Load); note != "" {
		notes = append(notes, note)
	}
	switch r.MACState {
	case "reachable", "refreshing", "pinned", "":
	default:
		notes = append(notes, "MAC address: "+r.MACState)
	}
	if r.Weight != r.Configured && stateOf(r) == "up" && r.MAC != "" {
		notes = append(notes, fmt.Sprintf("weight %d in the configuration", r.Configured))
	}
	return notes
}

// loadNote says which part of its weight a server has that does not ask for all of it.
func loadNote(l *api.ServerLoad) string {
	switch {
	case l == nil, l.Part == 100 && (l.Says == nil || *l.Says >= 100):
		return ""
	case l.Says == nil:
		return fmt.Sprintf("load: it says nothing, and has %d %% of its weight", l.Part)
	case *l.Says == 0:
		return "load: it asks for no new connections"
	}
	return fmt.Sprintf("load: it asks for %d %% of its weight, and has %d %%", *l.Says, l.Part)
}

// short writes a number in at most 8 places, as ipvsadm does: whole, then in
// thousands, millions and so on.
func short(v float64) string {
	unit := 0
	for ; v >= 1e8 && unit < len(units)-1; unit++ {
		v /= 1000
	}
	return fmt.Sprintf("%.0f%s", v, units[unit])
}

var units = [...]string{"", "K", "M", "G", "T"}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
