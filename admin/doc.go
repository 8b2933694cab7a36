// Package admin answers for a running director: the API of package
// admin/api over HTTP on a unix socket, and Prometheus metrics and the status,
// which real servers ask for, over HTTP on a TCP address.
//
// Whoever may connect to the socket may do all that the API has; the socket's
// mode, 0660, is the only access control. Over TCP nothing can be changed.
// What a request may cost is limited: its size, its time, and how many there
// are at once.
//
// The package knows the director only as a [Source].
package admin
