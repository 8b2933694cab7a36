package director

import (
	"context"
	"log/slog"

	"lvsdr/admin/api"
	"lvsdr/config"
)

// Options of a Director.
type Options struct {
	// Config is what to run.
	Config *config.Config
	// ConfigFile is its path, for status and messages.
	ConfigFile string
	// Load reads the configuration again for a reload.
	Load func() (*config.Config, error)
	// Host is the machine.
	Host Host
	// Log takes the director's messages; nil: slog.Default.
	Log *slog.Logger
	// Ready is called once the director forwards.
	Ready func()
	// Version is the program's, for status.
	Version string
}
