package config

import (
	"net/netip"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// The limits of what a director.yaml may ask for.
const (
	maxWorkers     = 64
	minConnections = 1024
	maxConnections = 100_000_000
	maxInterface   = 15 // IFNAMSIZ - 1 (linux/if.h)
	maxSocketPath  = 107
	maxGrace       = time.Hour
	minIdle        = time.Second
	maxIdle        = 24 * time.Hour // the connection table's limit
)

// config reads the whole file.
func (d *decoder) config(root value) *Config {
	s := root.section(rootKeys)
	c := defaults(choice(s.get("compat"), CompatNone, []CompatMode{CompatNone, CompatIPVS}))
	c.file = d.file
	c.Ingress = s.get("ingress").interfaceName("")
	if in := s.get("ingress"); !in.present() && !in.failed() && !s.broken {
		in.fail("is missing", "name the interface on which frames to the VIPs arrive, as in ingress: eth0")
	}
	c.Egress = s.get("egress").interfaceName(c.Ingress)
	c.MAC, c.RouterID = s.macMode()
	c.Guard = s.get("guard").onOff(c.Guard)
	c.Conflict = choice(s.get("conflict"), c.Conflict, []ConflictMode{ConflictRefuse, ConflictTakeover})
	c.TTL = choice(s.get("ttl"), c.TTL, []TTLMode{TTLKeep, TTLDecrement})
	c.Poll = choice(s.get("poll"), c.Poll, []PollMode{PollBlock, PollAdaptive, PollSpin})
	c.Send = choice(s.get("send"), c.Send, []SendMode{SendAuto, SendPacket, SendXDP})
	c.Workers = s.get("workers").integer(c.Workers, 1, maxWorkers)
	c.Connections = s.get("connections").integer(c.Connections, minConnections, maxConnections)
	c.quotas = s.get("quotas").quotas()
	c.StateDir = s.get("state_dir").path(c.StateDir, c.StateDir, true)
	c.RestartGrace = s.get("restart_grace").duration(c.RestartGrace, 0, maxGrace)
	c.Admin = s.get("admin").admin(c.Admin)
	c.Timeouts = s.get("timeouts").timeouts(c.Timeouts)
	c.IPVS = s.get("ipvs").ipvs(c.IPVS)
	c.VIPs = d.vipList(s.get("vips"))
	c.Rules = s.get("rules").path("", "/etc/director/ipvsadm.rules", true)
	c.Notify = s.get("notify").notify()
	c.Services = d.services(s.get("services"), c)
	return c
}

// macMode reads mac and router_id, which belong together.
func (s section) macMode() (MACMode, uint8) {
	mac, id := s.get("mac"), s.get("router_id")
	mode := choice(mac, MACInterface, []MACMode{MACInterface, MACVirtual})
	n := id.integer(0, 1, 255)
	if mode != MACVirtual {
		return mode, 0
	}
	if !id.present() && !id.failed() {
		mac.fail("virtual needs a router_id", "add router_id: with a number from 1 to 255 that no other router on the LAN uses")
	}
	return mode, uint8(n)
}

// interfaceName reads what the kernel takes for the name of an interface.
func (v value) interfaceName(def string) string {
	const remedy = "write the name of an interface, such as eth0"
	s, ok := v.text(remedy)
	if !ok {
		return def
	}
	switch {
	case s == "" || s == "." || s == "..":
		v.fail(quote(s)+" is no name of an interface", remedy)
	case len(s) > maxInterface:
		v.fail(quote(s)+" is too long for an interface", "write a name of at most 15 bytes")
	case strings.ContainsAny(s, "/:") || strings.ContainsFunc(s, unicode.IsSpace):
		v.fail(quote(s)+" is no name of an interface", "write one without '/', ':' and spaces")
	default:
		return s
	}
	return def
}

// path reads an absolute path, "" too if none is an answer.
func (v value) path(def, example string, orNone bool) string {
	remedy := "write an absolute path, such as " + example
	s, ok := v.text(remedy)
	switch {
	case !ok || (s == "" && orNone):
	case !filepath.IsAbs(s):
		v.fail(quote(s)+" is not an absolute path", remedy)
		return def
	}
	if !ok {
		return def
	}
	return s
}

// admin reads the mapping behind admin.
func (v value) admin(def Admin) Admin {
	s := v.section(adminKeys)
	socket := s.get("socket")
	a := Admin{Socket: socket.path(def.Socket, def.Socket, false), Listen: def.Listen}
	if len(a.Socket) > maxSocketPath {
		socket.fail("the path is too long for a unix socket", "write one of at most 107 bytes")
	}
	listen := s.get("listen")
	if text, ok := listen.text("write an address and a port, such as 127.0.0.1:9480"); ok {
		a.Listen = text
		listen.checkListen(text)
	}
	return a
}

// checkListen accepts "", IP:PORT and localhost:PORT. An empty host, which
// would listen everywhere, has to be asked for in so many words.
func (v value) checkListen(s string) {
	if s == "" {
		return
	}
	text := s
	if port, ok := strings.CutPrefix(s, "localhost:"); ok {
		text = "127.0.0.1:" + port
	}
	ap, err := netip.ParseAddrPort(text)
	switch {
	case strings.HasPrefix(s, ":"):
		v.fail(quote(s)+" names no address", "write 127.0.0.1"+s+", or 0.0.0.0"+s+" for all of the host's addresses")
	case err != nil:
		v.fail(quote(s)+" is not an address with a port", "write one such as 127.0.0.1:9480")
	case ap.Port() == 0:
		v.fail(quote(s)+" has port 0", "write a port from 1 to 65535")
	}
}

// timeouts reads the mapping behind timeouts; def has what it leaves out.
func (v value) timeouts(def Timeouts) Timeouts {
	s := v.section(timeoutsKeys)
	return Timeouts{
		TCP:    s.get("tcp").duration(def.TCP, minIdle, maxIdle),
		TCPFin: s.get("tcpfin").duration(def.TCPFin, minIdle, maxIdle),
		UDP:    s.get("udp").duration(def.UDP, minIdle, maxIdle),
	}
}

// quotas reads the mapping behind quotas; 0 is what it leaves out.
func (v value) quotas() Quotas {
	s := v.section(quotasKeys)
	return Quotas{
		HalfOpen: s.get("half_open").integer(0, 1, 100),
		UDP:      s.get("udp").integer(0, 1, 100),
	}
}
