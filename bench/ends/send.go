package ends

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lvsdr/bench"
	"lvsdr/bench/generator"
)

// Sent is what became of all that was sent.
type Sent struct {
	Opening uint64 // frames that opened connections beforehand
	Frames  uint64 // that were sent after that
	Refused uint64 // of both, that the interface did not take
	Time    time.Duration
	Size    int // bytes of a frame
}

// String tells the totals exactly.
func (s *Sent) String() string {
	seconds := s.Time.Seconds()
	rate := 0.0
	if seconds > 0 {
		rate = float64(s.Frames) / seconds
	}
	text := fmt.Sprintf("sent %d frames", s.Opening+s.Frames)
	if s.Opening > 0 {
		text += fmt.Sprintf(", the first %d to open connections", s.Opening)
	}
	return text + fmt.Sprintf("; the interface refused %d\n%d frames in %.2f s: %s frames/s, %s of the wire",
		s.Refused, s.Frames, seconds, bench.Scale(rate), bits(rate*wireBits(s.Size)))
}

// The scenario of what is sent, and metrics of both ends.
const (
	ScenarioSend  = "send"
	MetricRate    = "rate"    // frames/s, a sample a second
	MetricFrames  = "frames"  // all of them, one sample; of a sender those that opened connections too
	MetricRefused = "refused" // of them, by the sender's interface
)

// Run sends, and records what was sent: the rate of each second, and totals. What
// the context's end leaves undone is its error; what was sent until then is
// recorded all the same. The progress may be nil.
func (s *Sender) Run(ctx context.Context, r *bench.Run, p bench.Progress) (Sent, error) {
	if s.why != nil {
		r.Skip(string(generator.LiveFrames), fmt.Sprintf("frames are sent by %s, which is slow: %v", s.kind, s.why))
	}
	if p == nil {
		p = bench.Silent{}
	}
	before, err := s.device.sent()
	if err != nil {
		return Sent{}, err
	}
	total, err := s.sendAll(ctx, r, p)
	after, failed := s.device.sent()
	if failed == nil {
		s.account(r, &total, after.since(before))
	}
	return total, errors.Join(err, failed)
}

// sendAll opens connections, where there are some to open, and sends then.
func (s *Sender) sendAll(ctx context.Context, r *bench.Run, p bench.Progress) (total Sent, err error) {
	total.Size = s.traffic.Size
	flows := uint64(s.traffic.Flows)
	if s.traffic.Protocol == generator.TCP {
		l := generator.Load{Rate: s.options.Rate, Time: s.options.openingLimit(s.traffic.Flows), Frames: flows, Open: true}
		opened, _, err := s.load(ctx, l, bench.Status{What: fmt.Sprintf("open %d connections", flows)}, p)
		total.Opening, total.Refused = opened.Frames, opened.Refused
		if err != nil {
			return total, err
		}
		if opened.Frames < flows {
			r.Skip("connections", fmt.Sprintf("of %d, %d were opened in %v", flows, opened.Frames, opened.Time))
		}
	}
	l := generator.Load{Rate: s.options.Rate, Time: s.options.Time}
	sent, rates, err := s.load(ctx, l, bench.Status{What: fmt.Sprintf("send to %v", s.traffic.To)}, p)
	total.Frames, total.Time = sent.Frames, sent.Time
	total.Refused += sent.Refused
	for i, rate := range rates {
		r.Record(s.result(), i+1, bench.Reading{Metric: MetricRate, Unit: "frames/s", Better: bench.Higher, Value: rate[0]})
	}
	return total, err
}

// look is how often it is looked how far a load is.
const look = 10 * time.Millisecond

// load sends one load, shows how far it is, and returns its rates by second.
func (s *Sender) load(
	ctx context.Context, l generator.Load, status bench.Status, p bench.Progress,
) (sent generator.Sent, rates [][]float64, err error) {
	var m meter
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		began, every := time.Now(), time.NewTicker(look)
		defer every.Stop()
		for {
			select {
			case <-end:
				return
			case <-every.C:
				frames := s.generator.Frames()
				now := time.Now() // the tick may be old
				if rate, ok := m.add(now, []uint64{frames}); ok {
					p.Show(progress(status, &m, rate[0], frames, now.Sub(began), &l))
				}
			}
		}
	}()
	sent, err = s.generator.Run(ctx, l)
	close(end)
	<-ended
	m.end(time.Now(), []uint64{sent.Frames})
	return sent, m.rates, err
}

// progress is how far a load is after some time.
func progress(s bench.Status, m *meter, rate float64, frames uint64, past time.Duration, l *generator.Load) bench.Status {
	s.What += fmt.Sprintf(", %d frames", frames)
	s.Round, s.Rounds = len(m.rates), int((l.Time+time.Second-1)/time.Second)
	s.Moving, s.Rate = true, rate
	s.Left = max(l.Time-past, 0)
	if l.Frames > 0 && rate > 0 {
		s.Left = min(s.Left, time.Duration(float64(l.Frames-min(frames, l.Frames))/rate*float64(time.Second)))
		s.Rounds = len(m.rates) + int(s.Left/time.Second)
	}
	return s
}

// account adds what the interface counted, and records the totals. Of two counters
// of refused frames the greater is right: drivers tell AF_PACKET, or count, or both.
func (s *Sender) account(r *bench.Run, total *Sent, counted counters) {
	total.Refused = max(total.Refused, counted.dropped)
	all := total.Opening + total.Frames
	if known := counted.sent + counted.dropped; known < all/2 {
		r.Skip(s.device.name, fmt.Sprintf(
			"the interface counted %d frames of %d: its driver does not count what %s sends, or does not send it", known, all, s.kind))
	}
	r.Record(s.result(), 1,
		bench.Reading{Metric: MetricFrames, Unit: "frames", Better: bench.Neither, Value: float64(all)},
		bench.Reading{Metric: MetricRefused, Unit: "frames", Better: bench.Lower, Value: float64(total.Refused)})
}

// result is under what name the figures stand.
func (s *Sender) result() *bench.Case {
	t := &s.traffic
	rate := "max"
	if s.options.Rate > 0 {
		rate = fmt.Sprint(s.options.Rate)
	}
	return &bench.Case{Scenario: ScenarioSend, Variant: t.To.String(), Params: []bench.Param{
		bench.P("protocol", t.Protocol), bench.P("flows", t.Flows), bench.P("size", t.Size), bench.P("new", t.New), bench.P("rate", rate),
	}}
}
