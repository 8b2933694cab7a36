// Package lab builds LANs out of Linux network namespaces, in process: for
// tests, for the demo and for the bench harness.
//
//	 client            director           web1             web2
//	┌────────────┐    ┌────────────┐    ┌────────────┐   ┌────────────┐
//	│ namespace  │    │ namespace  │    │ namespace  │   │ namespace  │   Host
//	│    eth0    │    │    eth0    │    │    eth0    │   │    eth0    │   Interface
//	└─────┬──────┘    └─────┬──────┘    └─────┬──────┘   └─────┬──────┘
//	      │ veth            │                 │                │          Link
//	┌─────┴─────────────────┴─────────────────┴────────────────┴──────┐
//	│   port1             port2             port3            port4    │
//	│                   bridge, in a namespace of its own             │   Switch
//	└──────────────────────────────────────────────────────────────────┘
//
// A LAN test in ten lines:
//
//	func TestLANHello(t *testing.T) {
//		l := lab.ForTest(t)
//		client, server, lan := l.Host("client"), l.Host("server"), l.Switch("lan")
//		link := l.Connect(client, lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.1/24")})
//		l.Connect(server, lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.2/24")})
//		wire := link.Capture()
//		listener, err := server.Listen("tcp", "192.0.2.2:80")
//		if err != nil { t.Fatal(err) }
//		go http.Serve(listener, http.NotFoundHandler())
//		response, err := client.HTTPClient().Get("http://192.0.2.2/")
//		…
//		arp, err := wire.WaitFor(t.Context(), func(f lab.Frame) bool { return f.EtherType() == 0x0806 })
//	}
//
// # Errors
//
// What builds, changes or breaks the LAN (Host, Connect, AddRoute, SetSysctl,
// Down, Drop, …) returns no error. In a test the first one fails the test at
// once, with the line that called; elsewhere [Lab.Err] has them all, and what
// follows on a host that could not be made is skipped. What a program inside
// the LAN does (Do, Dial, Listen, Start, WaitFor, Inject, …) returns its error.
//
// # What is left behind
//
// Nothing. The namespaces have no name: they live as long as an open file, a
// thread, a socket or a process in them, so they die with this process however
// it ends. [Lab.Close] ends everything that runs in them. If this process is
// killed by SIGKILL, the kernel kills each program that was started with
// [Host.Command]; only what such a program has itself started must notice on
// its own (a shell's children do not).
//
// # What can be broken
//
// Ends set down, carrier lost, interfaces deleted and made anew, MAC addresses
// changed, frames dropped or doubled by match, every n-th or at random, offloads
// switched, malformed frames injected, switches that flood or part their ports.
// Frames are not delayed, reordered or corrupted on the way, since kernels need
// not have netem. VLANs are tags in frames (Inject, Capture), not interfaces.
//
// # Interfaces
//
// Namespaces and veth pairs follow namespaces(7) and veth(4), switches are
// bridges without STP, snooping and bridge netfilter, captures and injected
// frames use packet(7), broken links nftables in the netdev family. IPv6 is off
// on interfaces that were given no IPv6 address and did not ask for it, so that
// a quiet LAN is quiet; duplicate address detection and router solicitations
// are off everywhere.
//
// The package needs CAP_SYS_ADMIN and CAP_NET_ADMIN (root). It knows nothing of
// directors: no other package of this module is imported.
package lab
