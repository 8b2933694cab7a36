package realserver

import "context"

// Watcher is a Host that tells of its changes.
type Watcher interface {
	// Watch returns a channel that has a value soon after something changed:
	// interfaces, addresses, routes, rules or nftables. Many changes may be one
	// value. The channel is closed, and all is freed, when ctx has ended or the
	// news broke off. Like all else of a Host, it is about the network namespace
	// of the calling thread.
	Watch(ctx context.Context) (<-chan struct{}, error)
}

// tell puts a value into a channel that has room for one, unless it is there.
func tell(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}
