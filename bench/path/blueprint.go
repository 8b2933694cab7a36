package path

import (
	"lvsdr/conntable"
)

// blueprint says what a world holds.
type blueprint struct {
	family      family
	connections int
	services    int    // 0: 1
	servers     int    // of each; 0: 4
	scheduler   string // "": wlc
	workers     int    // 0: 1
}

func (b blueprint) withDefaults() blueprint {
	b.services, b.workers = max(b.services, 1), max(b.workers, 1)
	if b.servers == 0 {
		b.servers = 4
	}
	if b.scheduler == "" {
		b.scheduler = "wlc"
	}
	return b
}

// room is how many new connections the table has places for beside those that
// stay.
func (b blueprint) room() int { return min(max(b.connections/8, 1024), 1<<16) }

// capacity is the size of a table for the world's connections, and the new ones.
func (b blueprint) capacity() int {
	return max((b.connections+b.room())*b.family.places(), conntable.MinCapacity)
}
