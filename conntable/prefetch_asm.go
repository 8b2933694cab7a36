//go:build amd64 || arm64

package conntable

// prefetch asks for the cache line at addr to be loaded; it does not wait.
//
//go:noescape
func prefetch(addr *uint64)
