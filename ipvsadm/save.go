package ipvsadm

import (
	"errors"
	"fmt"
)

// save prints lines that -R reads. A service whose ports are a range has no
// such line unless it has a mark; that is an error, after all others.
func (s *session) save(all []entry, numeric bool) error {
	var lost []error
	for i := range all {
		e := &all[i]
		if e.first != e.last {
			lost = append(lost, fmt.Errorf("service %s is not saved: no line of ipvsadm names the ports of %s; "+
				"write `mark:` into its configuration, and it is saved as -f", e.Name, s.placeOf(e, true)))
			continue
		}
		name := s.ruleName(e, numeric)
		fmt.Fprintf(s.out, "-A %s%s\n", name, serviceRule(e))
		for j := range e.servers {
			b := &e.servers[j]
			if b.sorry {
				continue // nobody added it
			}
			fmt.Fprintf(s.out, "-a %s -r %s -g -w %d%s\n", name, s.server(e, b, numeric), b.Configured, thresholdRule(b))
		}
	}
	return errors.Join(lost...)
}

// ruleName is how a line names an entry.
func (s *session) ruleName(e *entry, numeric bool) string {
	switch {
	case e.Mark != 0 && e.addr.Is6():
		return fmt.Sprintf("-f %d -6", e.Mark)
	case e.Mark != 0:
		return fmt.Sprintf("-f %d", e.Mark)
	}
	return protocolOptions[e.protocol] + " " + s.placeOf(e, numeric)
}

var protocolOptions = map[string]string{"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}

func serviceRule(e *entry) string {
	rule := " -s " + e.Scheduler
	if e.Persistence != 0 {
		rule += fmt.Sprintf(" -p %d", e.Persistence)
		if mask := e.mask(); mask != "" {
			rule += " -M " + mask
		}
	}
	if e.OnePacket {
		rule += " -o"
	}
	if flags := e.flags(); flags != "" {
		rule += " -b " + flags
	}
	return rule
}

func thresholdRule(b *backend) (rule string) {
	if b.Upper != 0 {
		rule += fmt.Sprintf(" -x %d", b.Upper)
	}
	if b.Lower != 0 {
		rule += fmt.Sprintf(" -y %d", b.Lower)
	}
	return rule
}
