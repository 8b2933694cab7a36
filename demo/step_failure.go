package demo

import (
	"context"
	"fmt"
	"time"
)

// crowdEvery is the pace of the requests while a server dies and comes back.
const crowdEvery = time.Second / 150

// showDeath closes a web server under load and waits for the health check to
// notice.
func (st *story) showDeath(ctx context.Context) error {
	out, web := st.screen, st.webs[1]
	st.startCrowd(ctx)
	out.says("%d requests a second. The web server on %s is stopped; its host lives on.", time.Second/crowdEvery, web.Name())
	if err := st.watch(ctx, 800*time.Millisecond); err != nil {
		return err
	}
	died := time.Now()
	if err := web.die(); err != nil {
		return err
	}
	st.chart.note(died, web.Name()+" stops")
	noticed, err := st.waitHealth(ctx, web, "down", 2*noticeLimit, st.drawCrowd)
	if err != nil {
		return err
	}
	st.chart.note(noticed, "noticed")
	if err := st.watch(ctx, 1200*time.Millisecond); err != nil {
		return err
	}
	st.settleCrowd()
	all := st.crowd.all()
	out.says("Noticed after %d ms, by %d failed checks. Until then %d requests failed;",
		noticed.Sub(died).Milliseconds(), checkFall, served(between(all, died, noticed))[""])
	return st.judge(between(all, noticed, time.Time{}), "since then")
}

// showReturn starts the web server again and waits until it is used.
func (st *story) showReturn(ctx context.Context) error {
	out, web := st.screen, st.webs[1]
	back := time.Now()
	if err := web.listen(); err != nil {
		return err
	}
	st.chart.note(back, "it listens again")
	noticed, err := st.waitHealth(ctx, web, "up", 5*time.Second, st.drawCrowd)
	if err != nil {
		return err
	}
	st.chart.note(noticed, "used again")
	if err := st.watch(ctx, 1200*time.Millisecond); err != nil {
		return err
	}
	st.crowd.leave()
	st.settleCrowd()
	all := st.crowd.all()
	n := served(between(all, noticed, time.Time{}))[web.Name()]
	out.says("Used after %d ms, by %d good checks. %s has answered %d requests since;", noticed.Sub(back).Milliseconds(), checkRise, web.Name(), n)
	if n == 0 {
		return fmt.Errorf("%s is up and gets no requests", web.Name())
	}
	return st.judge(between(all, back, time.Time{}), "since it came back")
}

func (st *story) startCrowd(ctx context.Context) {
	st.crowd = st.newCrowd(ctx, crowdEvery, 0)
	st.chart = timeline{start: time.Now(), span: 100 * time.Millisecond, servers: st.webNames()}
}

// watch lets the requests go on for a while.
func (st *story) watch(ctx context.Context, d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); st.drawCrowd() {
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (st *story) drawCrowd() {
	st.screen.draw(st.chart.draw(st.screen.style, st.crowd.all(), time.Now()))
}

func (st *story) settleCrowd() {
	st.screen.settle(st.chart.draw(st.screen.style, st.crowd.all(), time.Now()))
}

// judge says that none of the requests failed, or returns why one did.
func (st *story) judge(answers []answer, when string) error {
	if failed := served(answers)[""]; failed > 0 {
		return fmt.Errorf("%d of %d requests failed %s: %w", failed, len(answers), when, firstError(answers))
	}
	if len(answers) == 0 {
		return fmt.Errorf("no requests %s", when)
	}
	st.screen.holds("%s 0 of %d failed", when, len(answers))
	return nil
}

// waitHealth waits until the director sees a real server so, and returns when
// that was. It calls each now and then, if there is one.
func (st *story) waitHealth(ctx context.Context, web *server, want string, limit time.Duration, each func()) (time.Time, error) {
	for end := time.Now().Add(limit); ; {
		got, err := st.health(ctx, web)
		switch {
		case err != nil:
			return time.Time{}, err
		case got == want:
			return time.Now(), nil
		case time.Now().After(end):
			return time.Time{}, fmt.Errorf("%s is %s after %v, not %s", web.Name(), got, limit, want)
		}
		if each != nil {
			each()
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return time.Time{}, err
		}
	}
}
