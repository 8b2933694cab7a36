// Package healthcheck asks real servers whether they work, and says when the
// answer changed.
//
// It owns the kinds of probes (one file each), the rise and fall of a server's
// state, and the Monitor that runs many probes at their times. It does not own
// what follows from a state: weights, connections and quorum belong to package
// director. Names and defaults are those that users of keepalived and HAProxy
// know.
//
// A probe goes through the host's own TCP/IP stack. One that is addressed to the
// VIP is given a Way by the caller, on which it travels to one real server all
// the same.
package healthcheck
