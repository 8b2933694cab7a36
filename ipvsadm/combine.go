package ipvsadm

import "slices"

// command is what a line is for.
type command int

const (
	addService command = iota + 1
	editService
	deleteService
	flush
	list
	addServer
	editServer
	deleteServer
	setTimeouts
	startDaemon
	stopDaemon
	restore
	save
	zero
	help
	version
)

// commandNames are what ipvsadm calls its commands in messages.
var commandNames = map[command]string{
	addService: "add-service", editService: "edit-service", deleteService: "delete-service",
	flush: "flush", list: "list",
	addServer: "add-server", editServer: "edit-server", deleteServer: "delete-server",
	setTimeouts: "set", startDaemon: "start-daemon", stopDaemon: "stop-daemon",
	restore: "restore", save: "save", zero: "zero",
}

// kind is what an option is about: options of one kind exclude each other. The
// kinds are in the order in which ipvsadm looks for wrong ones.
type kind int

const (
	optNumeric kind = iota + 1
	optConnection
	optService
	optScheduler
	optPersistent
	optNetmask
	optServer
	optForward
	optWeight
	optUpper
	optLower
	optMulticast
	optTimeout
	optDaemon
	optStats
	optRate
	optThresholds
	optPersistentConn
	optNoSort
	optSyncID
	optExact
	optOnePacket
	optEngine
	optFlags
	optMulticastGroup
	optMulticastPort
	optMulticastTTL
	optSyncLength
	optTunnelInfo
	optTunnelType
	optTunnelPort
	optNoChecksum
	optChecksum
	optRemoteChecksum
	kinds // how many, and one
)

// kindNames are what ipvsadm calls them in messages.
var kindNames = [kinds]string{
	optNumeric: "numeric", optConnection: "connection", optService: "service-address", optScheduler: "scheduler",
	optPersistent: "persistent", optNetmask: "netmask", optServer: "real-server", optForward: "forwarding-method",
	optWeight: "weight", optUpper: "u-threshold", optLower: "l-threshold", optMulticast: "mcast-interface",
	optTimeout: "timeout", optDaemon: "daemon", optStats: "stats", optRate: "rate", optThresholds: "thresholds",
	optPersistentConn: "persistent-conn", optNoSort: "nosort", optSyncID: "syncid", optExact: "exact",
	optOnePacket: "ops", optEngine: "pe", optFlags: "sched-flags", optMulticastGroup: "mcast-group",
	optMulticastPort: "mcast-port", optMulticastTTL: "mcast-ttl", optSyncLength: "sync-maxlen",
	optTunnelInfo: "tun-info", optTunnelType: "tun-type", optTunnelPort: "tun-port",
	optNoChecksum: "tun-nocsum", optChecksum: "tun-csum", optRemoteChecksum: "tun-remcsum",
}

// usage says which options go with a command, or with a type of tunnel.
type usage struct {
	needs []kind
	may   []kind
	oneOf []kind // at most one of these
}

var commandUsage = map[command]usage{
	addService:    {needs: []kind{optService}, may: serviceOptions},
	editService:   {needs: []kind{optService}, may: serviceOptions},
	deleteService: {needs: []kind{optService}},
	addServer:     {needs: []kind{optService, optServer}, may: serverOptions},
	editServer:    {needs: []kind{optService, optServer}, may: serverOptions},
	deleteServer:  {needs: []kind{optService, optServer}},
	startDaemon: {may: []kind{
		optMulticast, optSyncID, optMulticastGroup, optMulticastPort, optMulticastTTL, optSyncLength,
	}},
	stopDaemon: {may: []kind{optSyncID}},
	save:       {may: []kind{optNumeric}},
	zero:       {may: []kind{optService}},
	list: {
		may: []kind{
			optNumeric, optStats, optRate, optThresholds, optPersistentConn, optNoSort, optSyncID, optExact, optTunnelInfo,
		},
		oneOf: []kind{optConnection, optService, optTimeout, optDaemon},
	},
}

var (
	serviceOptions = []kind{optScheduler, optPersistent, optNetmask, optOnePacket, optEngine, optFlags}
	serverOptions  = []kind{
		optForward, optWeight, optUpper, optLower,
		optTunnelType, optTunnelPort, optNoChecksum, optChecksum, optRemoteChecksum,
	}
)

// tunnelUsage is about tunnelOptions alone.
var (
	tunnelOptions = []kind{optTunnelPort, optNoChecksum, optChecksum, optRemoteChecksum}
	tunnelUsage   = map[string]usage{
		"ipip": {},
		"gue":  {needs: []kind{optTunnelPort}, oneOf: []kind{optNoChecksum, optChecksum, optRemoteChecksum}},
		"gre":  {oneOf: []kind{optNoChecksum, optChecksum}},
	}
)

// given are the kinds of options that a line has.
type given uint64

func (g given) has(kinds ...kind) bool {
	for _, k := range kinds {
		if g&(1<<k) != 0 {
			return true
		}
	}
	return false
}

// check looks at the kinds in their order. where is what they are for, such as
// "'list' command".
func (u usage) check(g given, kinds []kind, where string) error {
	var first kind
	for _, k := range kinds {
		needed, excludes := slices.Contains(u.needs, k), slices.Contains(u.oneOf, k)
		switch {
		case !g.has(k) && needed:
			return failf("You need to supply the '%s' option for the %s", kindNames[k], where)
		case !g.has(k) || needed || slices.Contains(u.may, k):
		case !excludes:
			return failf("Illegal '%s' option with the %s", kindNames[k], where)
		case first != 0:
			return failf("The option '%s' conflicts with the '%s' option in the %s", kindNames[k], kindNames[first], where)
		default:
			first = k
		}
	}
	return nil
}

// allKinds in their order.
var allKinds = func() (all []kind) {
	for k := kind(1); k < kinds; k++ {
		all = append(all, k)
	}
	return all
}()
