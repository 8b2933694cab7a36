// Package healthcheck asks real servers whether they work, and says when the
// answer changed.
//
// It owns the kinds of probes (one file each), the rise and fall of a server's
// state, and the Monitor that runs many probes at their times. It does not own
// what follows from a state: weights, connections and quorum belong to package
// director. Names and defaults are those that users of keepalived and HAProxy
// know.
//
// A probe goes through the host's own TCP/IP stack. How it is dialled can be
// given by the caller, so that a probe can be addressed to a VIP and still
// travel to one real server.
package healthcheck
