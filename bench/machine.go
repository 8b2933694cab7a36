package bench

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is where a run took place. What cannot be found out is empty.
type Machine struct {
	Host   string  `json:"host"`
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`  // that the program may use
	Memory uint64  `json:"memory"` // bytes
	Arch   string  `json:"arch"`
	Kernel string  `json:"kernel"`
	Go     string  `json:"go"`   // what built the program
	Load   float64 `json:"load"` // processes that ran in the minute before
}

// ThisMachine describes where the program runs.
func ThisMachine() Machine {
	host, _ := os.Hostname()
	load, _ := strconv.ParseFloat(firstWord("/proc/loadavg"), 64)
	return Machine{
		Host: host, CPU: field("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), Memory: meminfo("MemTotal"),
		Arch: runtime.GOARCH, Kernel: firstWord("/proc/sys/kernel/osrelease"), Go: runtime.Version(), Load: load,
	}
}

// Same reports whether figures of both machines can be compared at all: the load
// may differ.
func (m Machine) Same(o Machine) bool {
	m.Load, o.Load = 0, 0
	m.Go, o.Go = "", ""
	return m == o
}

// Busy reports whether other programs took enough of the machine to spoil a run.
func (m Machine) Busy() bool { return m.Load > float64(m.Cores)/4 }

// FreeMemory returns the bytes that programs can have now; 0: not known.
func FreeMemory() uint64 { return meminfo("MemAvailable") }

func meminfo(key string) uint64 {
	kib, _ := strconv.ParseUint(strings.TrimSuffix(field("/proc/meminfo", key), " kB"), 10, 64)
	return kib * 1024
}

// field returns the first value of a key in a file of /proc with lines "key: value".
func field(path, key string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), ":")
		if ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func firstWord(path string) string {
	text, err := os.ReadFile(path)
	words := strings.Fields(string(text))
	if err != nil || len(words) == 0 {
		return ""
	}
	return words[0]
}
