package finding

// Kind names what a result is about. Programs may rely on the words.
type Kind string

// The kinds. Of each, docs/doctor.md says what it means.
const (
	HostKernel      Kind = "host-kernel"
	HostRedirects   Kind = "host-redirects"
	HostReversePath Kind = "host-reverse-path"
	HostOffload     Kind = "host-offload"
	HostBridge      Kind = "host-bridge"
	HostMTU         Kind = "host-mtu"
	HostNoAddress   Kind = "host-without-address"
	HostUnreadable  Kind = "host-unreadable"
	VIPOwner        Kind = "vip-owner"
	VIPAtServer     Kind = "vip-answered-by-real-server"
	VIPElsewhere    Kind = "vip-answered-by-another-host"
	VIPUnanswered   Kind = "vip-unanswered"
	ServerAbsent    Kind = "server-absent"
	ServerHere      Kind = "server-is-this-host"
	ServerAddress   Kind = "server-address-twice"
	ServerPinned    Kind = "server-pinned-mac"
	ServerMAC       Kind = "servers-share-mac"
	ServerAccepts   Kind = "server-takes-vip"
	ServerLacksVIP  Kind = "server-lacks-vip"
	ServerForwards  Kind = "server-forwards-vip"
	ServerPassesOn  Kind = "server-passes-vip-on"
	ServerRejects   Kind = "server-rejects-vip"
	ServiceRefused  Kind = "service-refused"
	ServiceSilent   Kind = "service-silent"
	ServiceUntested Kind = "service-untested"
	PathMTU         Kind = "path-mtu"
	PathMTUUntested Kind = "path-mtu-untested"
)

// Kinds returns all of them.
func Kinds() []Kind {
	return []Kind{
		HostKernel, HostRedirects, HostReversePath, HostOffload, HostBridge, HostMTU, HostNoAddress, HostUnreadable,
		VIPOwner, VIPAtServer, VIPElsewhere, VIPUnanswered,
		ServerAbsent, ServerHere, ServerAddress, ServerPinned, ServerMAC,
		ServerAccepts, ServerLacksVIP, ServerForwards, ServerPassesOn, ServerRejects,
		ServiceRefused, ServiceSilent, ServiceUntested, PathMTU, PathMTUUntested,
	}
}
