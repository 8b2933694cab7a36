// Package memhost is a director's host in memory: it implements director.Host
// without privileges, so that a test can run the whole director.
//
// Frames move over the wires of package memlink, one for each [Interface]. ARP
// does not cross them: the real responder and resolver run on sockets of this
// package, and are answered by the neighbours that an interface was given.
// Health checks connect to servers that are told whether to accept. The guard
// is judged by guard.Inspect from facts that are set.
//
// Things break as on a real host: interfaces go down, lose their carrier, are
// deleted and made again with another index and MAC address, and every opening
// can be made to fail. All waiting is for events or for the clock of package
// time: a host made within a testing/synctest bubble lives in that bubble.
package memhost
