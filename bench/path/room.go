package path

import (
	"fmt"

	"lvsdr/bench"
)

// bytesPerPlace is what a connection takes: of two tables and the memory beside
// them, each 48 bytes a place, with room for new ones.
const bytesPerPlace = 3 * 48 * 9 / 8

// enoughMemory notes it if the machine has no memory for the connections.
func enoughMemory(run *bench.Run, f family, connections int) bool {
	need := uint64(connections) * uint64(f.places()) * bytesPerPlace
	free := bench.FreeMemory()
	if free == 0 || need < free/2 {
		return true
	}
	run.Skip(fmt.Sprintf("path of %d connections, %v", connections, f),
		fmt.Sprintf("needs %d MiB, and twice that free; %d MiB are", need>>20, free>>20))
	return false
}
