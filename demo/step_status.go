package demo

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// showStatus runs the real command.
func (st *story) showStatus(ctx context.Context) error {
	out := st.screen
	text, err := st.status(ctx)
	if err != nil {
		return err
	}
	out.command(st.director.Name(), "director status")
	for line := range strings.Lines(text) {
		out.line(strings.TrimRight(line, "\n"))
	}
	if want := fmt.Sprintf("%v:80", vip); !strings.Contains(text, want) {
		return fmt.Errorf("director status does not name %s", want)
	}
	out.pause(ctx, time.Second)
	return nil
}
