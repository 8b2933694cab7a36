package ipvsadm

// takes says whether an option has an argument.
type takes int

const (
	nothing takes = iota
	something
	perhaps
)

// option is one that ipvsadm knows, or one of its commands, which are options
// that must come first.
type option struct {
	long    string
	short   byte // 0: it has none
	takes   takes
	command command // 0: it is none
	kind    kind
	read    func(p *parser, argument string, given bool) error // nil: that it is given says all
}

// optionTable is all that ipvsadm's command line knows.
var optionTable = []option{
	{long: "add-service", short: 'A', command: addService},
	{long: "edit-service", short: 'E', command: editService},
	{long: "delete-service", short: 'D', command: deleteService},
	{long: "clear", short: 'C', command: flush},
	{long: "list", short: 'L', command: list},
	{long: "list", short: 'l', command: list},
	{long: "add-server", short: 'a', command: addServer},
	{long: "edit-server", short: 'e', command: editServer},
	{long: "delete-server", short: 'd', command: deleteServer},
	{long: "set", command: setTimeouts},
	{long: "start-daemon", takes: something, command: startDaemon, read: (*parser).readStart},
	{long: "stop-daemon", takes: something, command: stopDaemon, read: (*parser).readStop},
	{long: "restore", short: 'R', command: restore},
	{long: "save", short: 'S', command: save},
	{long: "zero", short: 'Z', command: zero},
	{long: "help", short: 'h', command: help},
	{long: "version", short: 'v', command: version},

	{long: "tcp-service", short: 't', takes: something, kind: optService, read: (*parser).readTCP},
	{long: "udp-service", short: 'u', takes: something, kind: optService, read: (*parser).readUDP},
	{long: "sctp-service", takes: something, kind: optService, read: (*parser).readSCTP},
	{long: "fwmark-service", short: 'f', takes: something, kind: optService, read: (*parser).readMark},
	{long: "ipv6", short: '6', read: (*parser).readIPv6},
	{long: "scheduler", short: 's', takes: something, kind: optScheduler, read: (*parser).readScheduler},
	{long: "sched-flags", short: 'b', takes: something, kind: optFlags, read: (*parser).readFlags},
	{long: "persistent", short: 'p', takes: perhaps, kind: optPersistent, read: (*parser).readPersistent},
	{long: "netmask", short: 'M', takes: something, kind: optNetmask, read: (*parser).readNetmask},
	{long: "pe", takes: something, kind: optEngine, read: (*parser).readEngine},
	{long: "ops", short: 'o', kind: optOnePacket},

	{long: "real-server", short: 'r', takes: something, kind: optServer, read: (*parser).readServer},
	{long: "gatewaying", short: 'g', kind: optForward, read: (*parser).readRoute},
	{long: "masquerading", short: 'm', kind: optForward, read: (*parser).readMasquerade},
	{long: "ipip", short: 'i', kind: optForward, read: (*parser).readTunnel},
	{long: "weight", short: 'w', takes: something, kind: optWeight, read: (*parser).readWeight},
	{long: "u-threshold", short: 'x', takes: something, kind: optUpper, read: (*parser).readUpper},
	{long: "l-threshold", short: 'y', takes: something, kind: optLower, read: (*parser).readLower},
	{long: "tun-type", takes: something, kind: optTunnelType, read: (*parser).readTunnelType},
	{long: "tun-port", takes: something, kind: optTunnelPort, read: (*parser).readTunnelPort},
	{long: "tun-nocsum", kind: optNoChecksum},
	{long: "tun-csum", kind: optChecksum},
	{long: "tun-remcsum", kind: optRemoteChecksum},

	{long: "numeric", short: 'n', kind: optNumeric},
	{long: "connection", short: 'c', kind: optConnection},
	{long: "timeout", kind: optTimeout},
	{long: "daemon", kind: optDaemon},
	{long: "stats", kind: optStats},
	{long: "rate", kind: optRate},
	{long: "thresholds", kind: optThresholds},
	{long: "persistent-conn", kind: optPersistentConn},
	{long: "tun-info", kind: optTunnelInfo},
	{long: "nosort", kind: optNoSort},
	{long: "sort"}, // is what it does anyway
	{long: "exact", short: 'X', kind: optExact},

	{long: "syncid", takes: something, kind: optSyncID, read: (*parser).readSyncID},
	{long: "mcast-interface", takes: something, kind: optMulticast},
	{long: "mcast-group", takes: something, kind: optMulticastGroup, read: (*parser).readGroup},
	{long: "mcast-port", takes: something, kind: optMulticastPort, read: (*parser).readMulticastPort},
	{long: "mcast-ttl", takes: something, kind: optMulticastTTL, read: (*parser).readTTL},
	{long: "sync-maxlen", takes: something, kind: optSyncLength, read: (*parser).readSyncLength},
}

func longOption(name string) *option {
	for i := range optionTable {
		if o := &optionTable[i]; o.long == name {
			return o
		}
	}
	return nil
}

func shortOption(letter byte) *option {
	for i := range optionTable {
		if o := &optionTable[i]; o.short == letter && letter != 0 {
			return o
		}
	}
	return nil
}
