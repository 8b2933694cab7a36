package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"lvsdr/admin/api"
)

// applyRealServers runs `director realserver apply` on each real server and
// returns what the first one printed.
func (l *lan) applyRealServers(ctx context.Context) (printed string, err error) {
	for i, web := range l.webs {
		p := web.Command(ctx, l.program, "realserver", "apply", "--vip", vip.String(), "--state-dir", stateDir)
		if err := p.Run(); err != nil {
			return "", err
		}
		if i == 0 {
			printed = p.Stdout()
		}
	}
	return printed, nil
}

// startDirector starts `director run` with what is asked of it. Its unforeseen
// end ends the demo.
func (l *lan) startDirector(ctx context.Context) error {
	err := l.director.Do(func() error {
		if err := os.MkdirAll(path.Dir(configFile), 0o755); err != nil {
			return err
		}
		return os.WriteFile(configFile, []byte(l.config()), 0o644)
	})
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	// Not with ctx: at the demo's end the director is to end politely.
	l.run = l.director.Command(context.WithoutCancel(ctx), l.program, "run", "--config", configFile)
	if err := l.run.Start(); err != nil {
		return err
	}
	go func() {
		<-l.run.Done()
		l.ended(errors.New("director run ended by itself"))
	}()
	// The socket is in the /run of the director's host, which is reached
	// through its process.
	l.api = api.NewClient(fmt.Sprintf("/proc/%d/root%s", l.run.PID(), socketFile))
	_, err = l.run.WaitOutput(ctx, "msg=ready")
	return err
}

// status runs `director status` and returns what it printed.
func (l *lan) status(ctx context.Context) (string, error) {
	p := l.director.Command(ctx, l.program, "status")
	if err := p.Run(); err != nil {
		return "", err
	}
	return strings.TrimRight(p.Stdout(), "\n"), nil
}
