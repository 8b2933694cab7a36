package ipvsadm

import (
	"fmt"
	"slices"
	"strings"
)

// view is what a listing shows of services and servers beside their names.
type view struct {
	title   string
	service func(name string, e *entry) string
	server  func(b *backend) string // what follows its name
}

// chooseView: of several that are asked for, ipvsadm shows the first of these.
func chooseView(g given) view {
	exact := g.has(optExact)
	switch {
	case g.has(optStats):
		return statsView(exact)
	case g.has(optRate):
		return rateView(exact)
	case g.has(optThresholds):
		return thresholdsView
	case g.has(optPersistentConn):
		return persistentView
	case g.has(optTunnelInfo):
		return tunnelView
	}
	return stateView
}

const (
	shortTitle = "Prot LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port           "
	wideTitle  = "Prot LocalAddress:Port            "
	wideServer = "\n  -> RemoteAddress:Port\n"
)

// The way is Route, direct routing, and there are no tunnels.
var (
	stateView = view{
		title:   shortTitle + "Forward Weight ActiveConn InActConn\n",
		service: schedulerColumns,
		server: func(b *backend) string {
			return fmt.Sprintf(" %-7s %-6d %-10d %-10d", "Route", b.weight(), b.Active, b.Inactive)
		},
	}
	tunnelView = view{
		title:   shortTitle + "Forward TunnelInfo    Weight ActiveConn InActConn\n",
		service: schedulerColumns,
		server: func(b *backend) string {
			return fmt.Sprintf(" %-7s %-13s %-6d %-10d %-10d", "Route", "n/a", b.weight(), b.Active, b.Inactive)
		},
	}
	thresholdsView = view{
		title:   wideTitle + "Uthreshold Lthreshold ActiveConn InActConn " + wideServer,
		service: schedulerColumns,
		server: func(b *backend) string {
			return fmt.Sprintf(" %-10d %-10d %-10d %-10d", b.Upper, b.Lower, b.Active, b.Inactive)
		},
	}
	persistentView = view{
		title:   wideTitle + "Weight    PersistConn ActiveConn InActConn " + wideServer,
		service: schedulerColumns,
		server: func(b *backend) string {
			return fmt.Sprintf(" %-9d %-11d %-10d %-10d", b.weight(), b.Persistent, b.Active, b.Inactive)
		},
	}
)

func statsView(exact bool) view {
	return view{
		title:   wideTitle + "   Conns   InPkts  OutPkts  InBytes OutBytes" + wideServer,
		service: func(name string, e *entry) string { return fmt.Sprintf("%-33s%s", name, columns(e.counts(), exact)) },
		server:  func(b *backend) string { return columns(b.counts(), exact) },
	}
}

// rateView has the first three rates of a server always in full.
func rateView(exact bool) view {
	return view{
		title:   wideTitle + "     CPS    InPPS   OutPPS    InBPS   OutBPS" + wideServer,
		service: func(name string, e *entry) string { return fmt.Sprintf("%-33s%s", name, columns(e.rates(), exact)) },
		server: func(b *backend) string {
			r := b.rates()
			return fmt.Sprintf(" %8d %8d %8d%s%s", r[0], r[1], r[2], column(r[3], exact), column(r[4], exact))
		},
	}
}

// schedulerColumns is a service with its scheduler and all that is set.
func schedulerColumns(name string, e *entry) string {
	text := name + " " + e.Scheduler
	if flags := e.flags(); flags != "" {
		text += " (" + flags + ")"
	}
	if e.Persistence != 0 {
		text += fmt.Sprintf(" persistent %d", e.Persistence)
		if mask := e.mask(); mask != "" {
			text += " mask " + mask
		}
	}
	if e.OnePacket {
		text += " ops"
	}
	return text
}

// flags are in the kernel's order, which is that of the alphabet.
func (e *entry) flags() string {
	return strings.Join(slices.Sorted(slices.Values(e.Flags)), ",")
}

func columns(numbers [5]uint64, exact bool) string {
	var b strings.Builder
	for _, n := range numbers {
		b.WriteString(column(n, exact))
	}
	return b.String()
}

// column is a number of at most 8 digits, or one in thousands, millions and so
// on; in full on demand, with at least one blank before it.
func column(n uint64, exact bool) string {
	switch {
	case exact:
		return fmt.Sprintf(" %8d", n)
	case n < 1e8:
		return fmt.Sprintf("%9d", n)
	case n < 1e9:
		return fmt.Sprintf("%8dK", n/1e3)
	case n < 1e11:
		return fmt.Sprintf("%8dM", n/1e6)
	case n < 1e14:
		return fmt.Sprintf("%8dG", n/1e9)
	}
	return fmt.Sprintf("%8dT", n/1e12)
}
