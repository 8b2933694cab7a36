package ipvsadm

import (
	"context"
	"fmt"
	"strings"

	"lvsdr/admin/api"
)

// kernelLine is what the listing begins with: the version of the kernel's IPVS,
// and the size of its table, which is 4096 unless somebody chose another.
const kernelLine = "IP Virtual Server version 1.2.1 (size=4096)"

// show answers -L and -S.
func (s *session) show(ctx context.Context, r *request) error {
	if r.given.has(optConnection) {
		return s.connections(ctx, r)
	}
	status, err := s.Director.Status(ctx)
	switch {
	case err != nil:
		return unreachable(err)
	case r.given.has(optTimeout):
		t := status.Timeouts
		fmt.Fprintf(s.out, "Timeout (tcp tcpfin udp): %d %d %d\n", t.TCP, t.TCPFin, t.UDP)
		return nil
	case r.given.has(optDaemon):
		return nil // none is running
	}
	all, err := chosen(status, r)
	switch {
	case err != nil:
		return err
	case r.command == save:
		return s.save(all, r.given.has(optNumeric))
	case !r.given.has(optService):
		fmt.Fprintln(s.out, kernelLine)
	}
	s.list(all, r.given)
	return nil
}

// chosen are the entries that are wanted, in the order that is wanted.
func chosen(status *api.Status, r *request) ([]entry, error) {
	all, err := entries(status)
	if err != nil {
		return nil, err
	}
	if r.given.has(optService) {
		found := all[:0:0]
		for _, e := range all {
			if e.is(&r.service) && len(found) == 0 {
				found = append(found, e)
			}
		}
		if all = found; len(all) == 0 {
			return nil, &mistake{code: exitFailed, text: "No such service"}
		}
	}
	if r.given.has(optNoSort) {
		return all, nil
	}
	for i := range all {
		all[i].servers = sortedByAddress(all[i].servers, compareBackends)
	}
	return sortedByAddress(all, compareEntries), nil
}

// list prints the entries with the columns that were asked for.
func (s *session) list(all []entry, g given) {
	v := chooseView(g)
	numeric := g.has(optNumeric)
	fmt.Fprint(s.out, v.title)
	for i := range all {
		e := &all[i]
		fmt.Fprintln(s.out, v.service(s.entryName(e, numeric), e))
		for j := range e.servers {
			b := &e.servers[j]
			name := s.server(e, b, numeric)
			if name = cut(name, maxPlace); !e.addr.Is6() {
				name = cut(name, maxServer)
			}
			fmt.Fprintf(s.out, "  -> %-28s%s\n", name, v.server(b))
		}
	}
}

// entryName is what an entry is listed under.
func (s *session) entryName(e *entry, numeric bool) string {
	if e.Mark != 0 {
		family := ""
		if e.addr.Is6() {
			family = " IPv6"
		}
		return fmt.Sprintf("FWM  %d%s", int32(e.Mark), family) // signed, as ipvsadm has it
	}
	name := fmt.Sprintf("%-4s %s", strings.ToUpper(e.protocol), cut(s.placeOf(e, numeric), maxPlace))
	if !e.addr.Is6() {
		name = cut(name, maxService)
	}
	return name
}
