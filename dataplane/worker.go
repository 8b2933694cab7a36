package dataplane

import (
	"fmt"
	"runtime"
	"sync/atomic"

	"lvsdr/conntable"
	"lvsdr/dataplane/link"
	"lvsdr/frame"
	"lvsdr/scheduler"
	"lvsdr/service"
)

// BatchSize is how many frames a worker takes at once.
const BatchSize = 64

// lastBatches is how many batches a worker still moves when it is stopped under
// a load that never lets its ring run dry.
const lastBatches = 64

// Ports are the links and addresses of one worker. They stay the same for the
// worker's life; an interface that was made again needs a new worker.
type Ports struct {
	Ingress link.Receiver // frames to the VIPs
	Egress  link.Sender   // to the real servers
	Reply   link.Sender   // out of the ingress interface; may be Egress

	VIPMAC    frame.MAC   // what the VIPs' frames are addressed to
	EgressMAC frame.MAC   // source of forwarded frames
	OwnMACs   []frame.MAC // of this host's interfaces: sources that mean a loop
	EgressMTU int         // largest IP packet; 0: no limit
}

// Worker moves frames. Make it with Plane.NewWorker; but for Stop it belongs
// to one goroutine.
type Worker struct {
	plane    *Plane
	ports    Ports
	total    *counters
	stopping atomic.Bool

	frames  [BatchSize]link.Frame
	jobs    [BatchSize]job
	tally   [verdictCount]uint32
	loads   []load   // by server; never shrinks, so that nothing is allocated in the long run
	touched []uint32 // of them, in this batch
	replies replies
	stage   stage
	early   job // of fragments that have waited
	limits  limits

	// of the present batch
	lost     int // frames that the egress link did not take so far
	table    *service.Table
	now      conntable.Time
	settings *Settings
	secure   bool // secure_tcp is on
	flow     scheduler.Flow

	untilDrop int // new connections until drop_packet drops one
}

// job is what is known of one frame of the batch.
type job struct {
	packet frame.Packet
	vip    *service.VIP
	svc    *service.Service
	key    conntable.Key
	home   conntable.Home
	event  conntable.Event
}

// load is what a batch sent to one server.
type load struct {
	server         *service.RealServer
	packets, bytes uint64
}

// NewWorker returns a worker on the ports.
func (p *Plane) NewWorker(ports Ports) *Worker {
	w := &Worker{plane: p, ports: ports, total: p.newCounters()}
	w.replies.init()
	w.stage.init()
	w.limits.init(p.conns.Now())
	return w
}

// Run moves frames until Stop is called, and then, when it has moved those
// that had come, returns nil. It locks the goroutine to its thread.
// Errors: what the ingress link said; after link.ErrDown, Run may be called
// again.
func (w *Worker) Run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for left := lastBatches; ; {
		n, err := w.ports.Ingress.Receive(w.frames[:])
		if n > 0 {
			w.batch(w.frames[:n])
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		if w.stopping.Load() {
			if n == 0 || left == 0 {
				return nil
			}
			left--
		}
	}
}

// Stop makes Run return. Any goroutine.
func (w *Worker) Stop() {
	w.stopping.Store(true)
	w.ports.Ingress.Interrupt()
}

// batch gives each frame its verdict, in two passes: while the second looks at
// one frame, the memory that the first asked for is on its way.
func (w *Worker) batch(frames []link.Frame) {
	w.table, w.now = w.plane.services.Load(), w.plane.conns.Now()
	w.settings = w.plane.settings.Load()
	w.secure = w.plane.active(w.settings.SecureTCP)
	w.limits.refill(w.now)
	w.replies.reset()
	w.stage.clear()
	var verdicts [BatchSize]Verdict
	for i := range frames {
		verdicts[i] = w.identify(&w.jobs[i], &frames[i])
	}
	for i := range frames {
		if verdicts[i] == Forward {
			verdicts[i] = w.direct(&w.jobs[i], &frames[i])
		}
		w.tally[verdicts[i]]++
	}
	w.flush()
}

// flush hands the batch to the kernel and its counts to whoever reads them.
func (w *Worker) flush() {
	lost := w.lost + w.ports.Egress.Flush()
	w.lost = 0
	if w.ports.Reply == w.ports.Egress {
		w.lose(lost, Forwarded, Replied, Extra)
	} else {
		w.lose(lost, Forwarded, Extra)
		w.lose(w.ports.Reply.Flush(), Replied)
	}
	for v := range w.tally {
		if n := w.tally[v]; n != 0 {
			w.total[v].Add(uint64(n))
			w.tally[v] = 0
		}
	}
	for _, id := range w.touched {
		l := &w.loads[id]
		l.server.Stats().Packets.Add(l.packets)
		l.server.Stats().Bytes.Add(l.bytes)
		l.packets, l.bytes = 0, 0
	}
	w.touched = w.touched[:0]
}

// lose changes the verdict of n frames that a link did not take, of the kinds in
// their order: which ones they were, it does not say.
func (w *Worker) lose(n int, kinds ...Kind) {
	left := uint32(n)
	for _, k := range kinds {
		for v := Forward; left > 0 && v < DropCut; v++ {
			if v.Kind() != k {
				continue
			}
			lost := min(left, w.tally[v])
			w.tally[v] -= lost
			left -= lost
			if k != Extra { // which were not received
				w.tally[DropSend] += lost
			}
		}
	}
}
