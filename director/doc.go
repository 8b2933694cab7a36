// Package director is the running director: it makes of a configuration, of
// what the health checks and the neighbours say, and of the interfaces as they
// come and go, the snapshots from which the workers forward.
//
// One goroutine, the loop, owns everything that changes: the configuration,
// the registry of services, the interfaces, the alarms. Others send it
// functions. Workers run on threads of their own and see only what package
// dataplane shares with them; slow work never runs there.
//
// The package names no backend: how frames move is given by [Links], and all
// else that needs privileges by [Host], so that the whole director runs in an
// unprivileged test.
package director
