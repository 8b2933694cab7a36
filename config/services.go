package config

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"lvsdr/scheduler"
)

const maxName = 64 // bytes of a service's name; it labels metrics and tables

// vip is a VIP that has been read, for what is checked between services.
type vip struct {
	value
	Address
	protocol Protocol // "" if the file's is not usable
	service  int      // its number
}

// services reads the list behind services. c has what they inherit.
func (d *decoder) services(v value, c *Config) []Service {
	var services []Service
	for i, item := range v.items("write a list of services") {
		services = append(services, d.service(item, i, c))
	}
	return services
}

// service reads entry number i of services. Its Timeouts are left to settle.
func (d *decoder) service(v value, i int, c *Config) Service {
	svc := Service{Line: v.at.line}
	if !v.present() {
		return svc
	}
	if v.isNull() {
		v.wrongType("write a service, or remove the dash")
		return svc
	}
	s := v.section(serviceKeys)
	protocol := s.get("protocol")
	svc.Protocol = choice(protocol, TCP, []Protocol{TCP, UDP, SCTP})
	family := d.addresses(s, i, &svc)
	svc.Name = s.name(svc)
	svc.Mark = uint32(s.get("mark").integer(0, 1, math.MaxUint32))
	s.scheduling(&svc, family)
	d.needPersistence(s, &svc, i)
	svc.own = s.get("timeouts").timeouts(Timeouts{})
	svc.Reject = s.reject(svc.Protocol, c.defaultReject(svc.Protocol))
	svc.Check = s.check("check", c.defaultCheck(svc.Protocol))
	svc.OnFailure = choice(s.get("on_failure"), FailureRemove, []FailureMode{FailureRemove, FailureQuiesce})
	svc.AssumeUp = s.assumeUp(svc.Check.Kind)
	svc.Dynamic = s.dynamicWeight(&svc)
	d.realServers(s.get("real_servers"), &svc, i, family)
	d.standby(s, &svc, i, family)
	return svc
}

// addresses reads the VIPs of a service and returns the family that its real
// servers must have: that of the first VIP, 0 if none could be read.
func (d *decoder) addresses(s section, i int, svc *Service) (family int) {
	const remedy = "write an address and a port, such as 192.0.2.10:80, or a list of such"
	v := s.get("address")
	items := v.itemsOrOne(remedy)
	switch {
	case len(items) > 0 || v.failed() || s.broken:
	case v.present():
		v.fail("is empty", remedy)
	default:
		v.fail("is missing", remedy)
	}
	protocol := svc.Protocol
	if s.get("protocol").failed() {
		protocol = ""
	}
	for _, item := range items {
		a, ok := item.address()
		if family == 0 && a.Addr.IsValid() {
			family = a.Addr.BitLen()
		}
		if ok {
			svc.Addresses = append(svc.Addresses, a)
			d.vips = append(d.vips, vip{item, a, protocol, i})
		}
	}
	return family
}

// name reads the name of a service, or makes it of what the service is.
func (s section) name(svc Service) string {
	def := ""
	if len(svc.Addresses) > 0 {
		first := svc.Addresses[0]
		def = fmt.Sprintf("%s-%s-%d", svc.Protocol, first.Addr, first.FirstPort)
	}
	const remedy = "write letters, digits, '-', '_', '.' and ':', beginning with a letter or a digit"
	v := s.get("name")
	name, ok := v.text(remedy)
	switch {
	case !ok:
		return def
	case !isName(name):
		v.fail(quote(name)+" is no name for a service", remedy)
	case len(name) > maxName:
		v.fail(quote(name)+" is too long", fmt.Sprintf("write at most %d bytes", maxName))
	default:
		return name
	}
	return def
}

// isName reports whether s can be typed as an argument without quotes.
func isName(s string) bool {
	for i, r := range s {
		letter := unicode.IsLetter(r) || unicode.IsDigit(r)
		if !letter && (i == 0 || !strings.ContainsRune("-_.:", r)) {
			return false
		}
	}
	return s != ""
}

// scheduling reads what ipvsadm -E can change: how a server is chosen, and how
// long the choice holds.
func (s section) scheduling(svc *Service, family int) {
	s.scheduler(svc)
	svc.Persistence = s.get("persistence").persistence(family)
	one := s.get("one_packet")
	svc.OnePacket = one.onOff(false)
	if svc.OnePacket && svc.Protocol != UDP && !s.get("protocol").failed() {
		one.fail("is for UDP only", "remove it: the packets of a connection must stay together")
	}
}

// What is said of port 0 in a service without persistence: its connections
// would go to one server on one port, and to another on the next.
const (
	anyPortAlone  = "port 0 (any port) needs persistence"
	anyPortRemedy = "add persistence: 5m, or name a port, or a range such as 8000-8099"
)

// needPersistence refuses any port to service i without persistence, unless it has
// a mark, as IPVS does.
func (d *decoder) needPersistence(s section, svc *Service, i int) {
	if svc.Mark != 0 || svc.Persistence.Timeout > 0 || s.get("persistence").failed() {
		return
	}
	for _, v := range slices.Backward(d.vips) {
		switch {
		case v.service != i:
			return
		case v.anyPort():
			v.fail(anyPortAlone, anyPortRemedy)
		}
	}
}

// scheduler reads the algorithm and its flags.
func (s section) scheduler(svc *Service) {
	v := s.get("scheduler")
	svc.Scheduler = choice(v, defaultScheduler, scheduler.Names())
	if v.failed() {
		return // what the flags may be is not known
	}
	known := scheduler.Flags(svc.Scheduler)
	for _, item := range s.get("flags").itemsOrOne("write a list of flags, such as [sh-port]") {
		flag, ok := item.text("write a flag, such as sh-port")
		switch {
		case !ok:
		case len(known) == 0:
			item.fail(quote(flag)+" is not a flag of "+svc.Scheduler, "remove it: "+svc.Scheduler+" has no flags")
		case !slices.Contains(known, flag):
			item.fail(quote(flag)+" is not a flag of "+svc.Scheduler, didYouMean(flag, known))
		case slices.Contains(svc.Flags, flag):
			item.fail(quote(flag)+" is given twice", "keep one of them")
		default:
			svc.Flags = append(svc.Flags, flag)
		}
	}
}

// reject reads what a client is told when no real server is usable.
func (s section) reject(p Protocol, def RejectMode) RejectMode {
	v := s.get("reject")
	mode := choice(v, def, []RejectMode{RejectRST, RejectICMP, RejectDrop})
	if mode == RejectRST && p != TCP && v.present() {
		v.fail("rst is for TCP only", "write icmp or drop")
	}
	return mode
}

// assumeUp reads what a server is before its first result. Without a check
// there is never a result, so the servers are up.
func (s section) assumeUp(kind string) bool {
	v := s.get("assume")
	noCheck := kind == kindNone
	def := "down"
	if noCheck {
		def = "up"
	}
	up := choice(v, def, []string{"down", "up"}) == "up"
	if noCheck && !up && !s.d.bad[join(s.key, "check.kind")] {
		v.fail("down, without a check, is for ever", "remove it, or write a check of another kind than none")
	}
	return up
}

// familyName returns the name of a's address family.
func familyName(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
