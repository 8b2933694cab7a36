package main

import (
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
		header: "Forward Weight ActiveConn InActConn  State   MAC                    CPS      PPS",
		row: func(r *api.RealServer) string {
			return fmt.Sprintf("%-7s %-6d %-10d %-10d %-7s %-17s %8s %8s", "Route", r.Weight, r.Active, r.Inactive,
				r.Health, orDash(r.MAC), short(r.ConnectionsS), short(r.PacketsS))
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
	for i := range service.Servers {
		r := &service.Servers[i]
		fmt.Fprintf(w, "  -> %-28s %s\n", r.Address, columns.row(r))
		for _, note := range serverNotes(r, now) {
			fmt.Fprintf(w, "       %s\n", note)
		}
	}
}

// serverNotes says why a real server gets less than it might.
func serverNotes(r *api.RealServer, now time.Time) (notes []string) {
	if r.Health != "up" {
		why := r.Health + since(r.Since, now)
		if r.Check != "" {
			why += ": " + r.Check
		}
		notes = append(notes, why)
	}
	switch r.MACState {
	case "reachable", "refreshing", "pinned", "":
	default:
		notes = append(notes, "MAC address: "+r.MACState)
	}
	if r.Weight != r.Configured && r.Health == "up" && r.MAC != "" {
		notes = append(notes, fmt.Sprintf("weight %d in the configuration", r.Configured))
	}
	return notes
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
