package ipvsadm

import (
	"math"
	"strings"
)

// What follows reads the arguments of options, each as soon as it is found.

func (p *parser) readTCP(s string, _ bool) error  { return p.readService("tcp", s) }
func (p *parser) readUDP(s string, _ bool) error  { return p.readService("udp", s) }
func (p *parser) readSCTP(s string, _ bool) error { return p.readService("sctp", s) }

func (p *parser) readService(protocol, text string) error {
	p.service.protocol = protocol
	a, ok := parseAddress(text, protocol, p.names)
	if !ok {
		return failf("illegal virtual server address[:port] specified")
	}
	p.service.addr, p.service.port, p.service.ipv6 = a.addr, a.port, a.addr.Is6()
	if p.service.ipv6 {
		p.service.netmask = wholeAddresses
	}
	return nil
}

func (p *parser) readMark(text string, _ bool) error {
	mark, ok := number(text, 1, math.MaxUint32)
	if !ok {
		return failf("invalid fwmark value `%s' specified", text)
	}
	p.service.mark, p.service.protocol = uint32(mark), "tcp"
	return nil
}

func (p *parser) readIPv6(string, bool) error {
	if p.service.mark == 0 {
		return failf("-6 used before -f\n")
	}
	p.service.ipv6, p.service.netmask = true, wholeAddresses
	return nil
}

func (p *parser) readScheduler(text string, _ bool) error {
	p.service.scheduler = text
	return nil
}

func (p *parser) readFlags(text string, _ bool) error {
	p.flags = text
	return nil
}

func (p *parser) readPersistent(text string, given bool) (err error) {
	p.service.persistence = defaultPersistence
	if given {
		p.service.persistence, err = timeout(text, 1)
	}
	return err
}

func (p *parser) readNetmask(text string, _ bool) error {
	if p.service.ipv6 {
		bits, ok := number(leadingNumber(text), 1, 128)
		if !ok {
			return failf("illegal ipv6 netmask specified")
		}
		p.service.netmask.bits = int(bits)
		return nil
	}
	addr, ok := parseIPv4(text)
	if !ok {
		addr, ok = p.names.Address(text, false)
	}
	if !ok {
		return failf("illegal virtual server persistent mask specified")
	}
	p.service.netmask.mask = maskOf(addr)
	return nil
}

func (p *parser) readEngine(text string, _ bool) error {
	p.service.engine = text
	return nil
}

func (p *parser) readServer(text string, _ bool) error {
	a, ok := parseAddress(text, p.service.protocol, p.names)
	if !ok {
		return failf("illegal real server address[:port] specified")
	}
	if !a.hasPort {
		a.port = p.service.port
	}
	p.server.addr, p.server.port = a.addr, a.port
	return nil
}

func (p *parser) readRoute(string, bool) error      { return p.setForward(route) }
func (p *parser) readMasquerade(string, bool) error { return p.setForward(masquerade) }
func (p *parser) readTunnel(string, bool) error     { return p.setForward(tunnel) }

func (p *parser) setForward(f forward) error {
	p.server.forward = f
	return nil
}

func (p *parser) readWeight(text string, _ bool) error {
	return readNumber(&p.server.weight, text, 0, math.MaxInt32, "weight")
}

func (p *parser) readUpper(text string, _ bool) error {
	return readNumber(&p.server.upper, text, 0, math.MaxInt32, "u_threshold")
}

func (p *parser) readLower(text string, _ bool) error {
	return readNumber(&p.server.lower, text, 0, math.MaxInt32, "l_threshold")
}

func (p *parser) readTunnelType(text string, _ bool) error {
	if _, known := tunnelUsage[text]; !known {
		return failf("illegal tunnel type specified")
	}
	p.server.tunnel = text
	return nil
}

func (p *parser) readTunnelPort(text string, _ bool) error {
	return readNumber(new(int), text, 1, 65535, "tunnel port")
}

func (p *parser) readStart(text string, _ bool) error {
	if text != "master" && text != "backup" {
		return failf("illegal start-daemon parameter specified")
	}
	return nil
}

func (p *parser) readStop(text string, _ bool) error {
	if text != "master" && text != "backup" {
		return failf("illegal start_daemon specified")
	}
	return nil
}

func (p *parser) readSyncID(text string, _ bool) error {
	return readNumber(new(int), text, 0, 255, "syncid")
}

func (p *parser) readMulticastPort(text string, _ bool) error {
	return readNumber(new(int), text, 1, 65535, "mcast-port")
}

func (p *parser) readTTL(text string, _ bool) error {
	return readNumber(new(int), text, 1, 255, "mcast-ttl")
}

// readSyncLength: the length is that of a UDP payload in an IPv4 packet.
func (p *parser) readSyncLength(text string, _ bool) error {
	return readNumber(new(int), text, 1, 65535-20-8, "sync-maxlen")
}

func (p *parser) readGroup(text string, _ bool) error {
	family, parse := "IPv4", parseIPv4
	if strings.Contains(text, ":") {
		family, parse = "IPv6", parseIPv6
	}
	if group, ok := parse(text); !ok || !group.IsMulticast() {
		return failf("invalid %s mcast-group `%s'", family, text)
	}
	return nil
}
