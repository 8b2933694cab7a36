package wire

import "lvsdr/bench"

// progress adds to what the rounds show how a trial went.
type progress struct {
	bench.Progress
	last bench.Status
}

// Show remembers what the next trials belong to.
func (p *progress) Show(s bench.Status) {
	p.last = s
	p.Progress.Show(s)
}

// trial shows the rate and the loss of a trial.
func (p *progress) trial(t *Trial) {
	s := p.last
	s.Moving, s.Rate, s.Loss = true, t.Rate(), t.Loss()
	p.Progress.Show(s)
}
