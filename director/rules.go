package director

import (
	"fmt"

	"lvsdr/admin/api"
	"lvsdr/config"
)

// CheckRules returns what New would say of the rules, but for what depends on
// the host.
func CheckRules(c *config.Config, rules api.Changes) error {
	_, err := WithRules(c, rules)
	return err
}

// WithRules returns what a director with that configuration and these rules starts
// with, but for what depends on its host.
func WithRules(c *config.Config, rules api.Changes) (*config.Config, error) {
	return withRules(c, config.Host{}, rules)
}

// withRules returns c with the rules' changes made.
func withRules(c *config.Config, host config.Host, rules api.Changes) (*config.Config, error) {
	e := newEdit(c, c, host)
	if _, err := e.all(rules); err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	return e.Config(), nil
}

// startConfig is what the director starts with: the file, and the rules.
func (d *Director) startConfig() (*config.Config, error) {
	rules := d.options.Rules
	if len(rules) == 0 {
		return d.file, nil
	}
	host, err := d.describeHost()
	if err != nil {
		return nil, err
	}
	c, err := withRules(d.file, host, rules)
	if err == nil {
		d.log.Info("services changed by the rules", "changes", len(rules), "what", describe(rules))
	}
	return c, err
}
