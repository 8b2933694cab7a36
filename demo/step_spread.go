package demo

import (
	"context"
	"fmt"
	"time"

	"lvsdr/lab"
)

// spreadTime is how long the requests of step 3 take, if there are not too
// many for that.
const spreadTime = 1500 * time.Millisecond

// showSpread follows one request on the wires, then counts many.
func (st *story) showSpread(ctx context.Context) error {
	if err := st.showWay(ctx); err != nil {
		return err
	}
	st.screen.pause(ctx, 1500*time.Millisecond)
	st.screen.line("")
	frames := st.watchTraffic()
	defer frames.close()
	if err := st.showBars(ctx); err != nil {
		return err
	}
	if err := frames.settle(ctx); err != nil {
		return err
	}
	st.showFrames(frames)
	return frames.check()
}

// showWay shows the first frames of one connection: only MAC addresses change.
func (st *story) showWay(ctx context.Context) error {
	out := st.screen
	director := st.director.link.Peer.Capture(lab.Only(opening(st.client.addr)))
	client := st.client.link.Capture(lab.Only(opening(st.client.addr)))
	defer director.Close()
	defer client.Close()
	name, err := get(ctx, st.client.HTTPClient())
	if err != nil {
		return fmt.Errorf("fetch a page: %w", err)
	}
	ours, theirs := client.Frames(), director.Frames()
	if len(ours) != 2 || len(theirs) != 2 {
		return fmt.Errorf("a connection opened with %d frames at the client and %d at the director, not 2 and 2", len(ours), len(theirs))
	}
	out.says("One connection on the wire; the director changes only the MAC addresses:")
	for _, f := range []lab.Frame{ours[0], theirs[1], ours[1]} {
		s, _ := segmentOf(f)
		what := "SYN"
		if s.flags&flagACK != 0 {
			what = "SYN,ACK"
		}
		st.showFrame(f, what)
	}
	if got := st.named(ours[1].Src().String()); got != name {
		return fmt.Errorf("the page is from %s, the SYN,ACK from %s", name, got)
	}
	out.holds("%s answers the client itself, with %v as its address", name, vip)
	return nil
}

// showBars sends the requests and lets the bars grow.
func (st *story) showBars(ctx context.Context) error {
	out := st.screen
	out.says("%d requests, each over a connection of its own:", st.requests)
	c := st.newCrowd(ctx, spreadTime/time.Duration(st.requests), st.requests)
	defer c.leave()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-c.done:
			done = true
		case <-tick.C:
			out.draw(bars(out.style, st.webNames(), served(c.all()), st.requests))
		}
	}
	count := served(c.all())
	out.settle(bars(out.style, st.webNames(), count, st.requests))
	if err := ctx.Err(); err != nil {
		return err
	}
	if n := count[""]; n > 0 {
		return fmt.Errorf("%d of %d requests failed: %w", n, st.requests, firstError(c.all()))
	}
	for _, name := range st.webNames() {
		if count[name] == 0 {
			return fmt.Errorf("%s served nothing", name)
		}
	}
	out.holds("%d of %d answered, by all three", len(c.all()), st.requests)
	return nil
}

func (st *story) showFrames(t *traffic) {
	out := st.screen
	hop := func(name string) string { return out.style.paint(inkOf(name), name) }
	out.says("")
	out.says("requests   client ──▶ %s ──▶ servers   %d frames in, %d out", hop("director"), t.received.Load(), t.sent.Load())
	out.says("replies    client ◀────────────── servers   %d frames; the director saw %d", t.replies.Load(), t.intruding.Load())
}

func (st *story) webNames() []string {
	var names []string
	for _, web := range st.webs {
		names = append(names, web.Name())
	}
	return names
}
