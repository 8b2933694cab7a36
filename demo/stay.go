package demo

import (
	"context"
	"errors"
	"fmt"

	"lvsdr/lab"
)

// stay keeps the LAN until ctx ends and says how to look around in it.
func (st *story) stay(ctx context.Context) error {
	client, err := st.hold(st.client)
	if err != nil {
		return err
	}
	web, err := st.hold(st.webs[1].machine)
	if err != nil {
		return err
	}
	out := st.screen
	out.line("")
	out.says("The LAN stays until Ctrl-C. From another terminal, as root:")
	out.line("")
	at := func(m *machine, p *lab.Process, command string) {
		out.line("  " + out.style.paint(inkOf(m.Name()), fmt.Sprintf("%-8s", m.Name())) +
			fmt.Sprintf("  nsenter -n -m -t %d %s", p.PID(), command))
	}
	at(st.director, st.run, st.program+" status --watch")
	at(st.client, client, "curl http://"+vip.String()+"/")
	at(st.webs[1].machine, web, "ip link set eth0 down")
	at(st.webs[1].machine, web, st.program+" realserver check --state-dir "+stateDir)
	out.line("")
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return out.err
}

// hold starts a process on a host, by whose number the host can be entered.
func (st *story) hold(m *machine) (*lab.Process, error) {
	p := m.Command(context.Background(), "sleep", "infinity")
	return p, p.Start()
}
