package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// killStrays kills the processes that are still in a network namespace: what a
// program on the host has started and left behind, as daemons do. Nothing else
// can be in there, as the namespace has no name. If group is not 0, it kills
// only those of that process group.
func killStrays(inode uint64, group int) error {
	const rounds = 100
	for range rounds {
		strays := processesIn(inode, group)
		if len(strays) == 0 {
			return nil
		}
		for _, pid := range strays {
			if err := killIn(pid, inode); err != nil {
				return err
			}
		}
		// They are not our children: no event tells that they are gone.
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("kill strays: processes %v remain", processesIn(inode, group))
}

// processesIn lists the processes in a network namespace but for this one,
// and without those that have ended and wait for their parent.
func processesIn(inode uint64, group int) []int {
	paths, _ := filepath.Glob("/proc/[0-9]*/ns/net") // the pattern is right
	var found []int
	for _, path := range paths {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		if err != nil || pid == os.Getpid() {
			continue
		}
		if !inNamespace(path, inode) {
			continue
		}
		if pgid, err := unix.Getpgid(pid); err == nil && (group == 0 || pgid == group) {
			found = append(found, pid)
		}
	}
	return found
}

func inNamespace(path string, inode uint64) bool {
	var stat unix.Stat_t
	return unix.Stat(path, &stat) == nil && stat.Ino == inode
}

// killIn kills a process if its number still belongs to one in the namespace.
func killIn(pid int, inode uint64) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("kill stray %d: %w", pid, err)
	}
	defer unix.Close(fd)
	if !inNamespace(fmt.Sprintf("/proc/%d/ns/net", pid), inode) {
		return nil
	}
	err = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill stray %d: %w", pid, err)
	}
	return nil
}
