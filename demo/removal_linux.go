package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// note remembers the hosts' network namespaces, to look for them at the end.
func (l *lan) note() error {
	for _, m := range l.machines() {
		err := m.Do(func() error {
			var stat unix.Stat_t
			err := unix.Stat("/proc/thread-self/ns/net", &stat)
			l.spaces = append(l.spaces, stat.Ino)
			return err
		})
		if err != nil {
			return fmt.Errorf("find the namespace of %s: %w", m.Name(), err)
		}
	}
	return nil
}

// remove ends the programs, the director first and politely, and frees the
// LAN. It returns an error if something did not end well, or is still there.
func (l *lan) remove() error {
	var errs []error
	if l.run != nil {
		errs = append(errs, l.run.Stop())
	}
	for _, web := range l.webs {
		errs = append(errs, web.die())
	}
	errs = append(errs, l.lab.Close())
	// The kernel takes a moment to end threads.
	held := l.holders()
	for end := time.Now().Add(2 * time.Second); len(held) > 0 && time.Now().Before(end); held = l.holders() {
		time.Sleep(10 * time.Millisecond)
	}
	if len(held) > 0 {
		errs = append(errs, fmt.Errorf("the namespaces are still held by %v", held))
	}
	return errors.Join(errs...)
}

// holders lists what keeps a namespace of the LAN alive: processes, and this
// process's own threads and open files.
func (l *lan) holders() (held []string) {
	for _, pattern := range []string{"/proc/[0-9]*/ns/net", "/proc/self/task/*/ns/net", "/proc/self/fd/*"} {
		paths, _ := filepath.Glob(pattern) // the patterns are right
		for _, path := range paths {
			target, err := os.Readlink(path)
			if err != nil {
				continue // gone meanwhile
			}
			if slices.ContainsFunc(l.spaces, func(inode uint64) bool { return target == fmt.Sprintf("net:[%d]", inode) }) {
				held = append(held, path)
			}
		}
	}
	return held
}
