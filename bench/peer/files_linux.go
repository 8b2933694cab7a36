package peer

import "golang.org/x/sys/unix"

// proxyFiles is how many files a proxy may have open: two for each connection.
const proxyFiles = 20_000

// moreFiles lets a running process open so many files, where it cannot ask for them
// itself. Errors wrap bench.ErrSkip: more than the hard limit needs
// CAP_SYS_RESOURCE.
func moreFiles(pid int) error {
	var limit unix.Rlimit
	err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit)
	if err == nil && limit.Cur < proxyFiles {
		limit.Cur, limit.Max = proxyFiles, max(limit.Max, proxyFiles)
		err = unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limit, nil)
	}
	if err != nil {
		return skip("it needs %d open files: %w; ulimit -Hn %d", proxyFiles, err, proxyFiles)
	}
	return nil
}
