package realserver

import (
	"context"
	"slices"
	"sync"
)

var _ Watcher = (*Memory)(nil)

// watches are those who watch a Memory. The zero value works.
type watches struct {
	mu  sync.Mutex
	all []*memoryWatch
}

// memoryWatch is one channel; end closes it.
type memoryWatch struct {
	changed chan struct{}
	end     context.CancelFunc
}

// Watch implements Watcher: the channel has a value after each Changed.
func (m *Memory) Watch(ctx context.Context) (<-chan struct{}, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &memoryWatch{make(chan struct{}, 1), cancel}
	m.watches.mu.Lock()
	m.watches.all = append(m.watches.all, w)
	m.watches.mu.Unlock()
	go func() {
		<-ctx.Done()
		m.watches.mu.Lock()
		defer m.watches.mu.Unlock()
		m.watches.all = slices.DeleteFunc(m.watches.all, func(other *memoryWatch) bool { return other == w })
		close(w.changed)
	}()
	return w.changed, nil
}

// Changed tells those who watch that something changed, as netlink would. It may
// be called from any goroutine.
func (m *Memory) Changed() {
	m.watches.mu.Lock()
	defer m.watches.mu.Unlock()
	for _, w := range m.watches.all {
		tell(w.changed)
	}
}

// BreakOff ends the news for all who watch, as a broken socket would. Watching
// again works.
func (m *Memory) BreakOff() {
	m.watches.mu.Lock()
	defer m.watches.mu.Unlock()
	for _, w := range m.watches.all {
		w.end()
	}
}
