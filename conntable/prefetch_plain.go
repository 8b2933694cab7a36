//go:build !amd64 && !arm64

package conntable

import "sync/atomic"

// prefetch loads the word itself: the processor goes on until the value is
// needed, and it never is.
func prefetch(addr *uint64) { atomic.LoadUint64(addr) }
