package main

import (
	"errors"
	"fmt"
	"os"

	"lvsdr/admin/api"
	"lvsdr/config"
	"lvsdr/director"
	"lvsdr/ipvsadm"
)

// readRules reads the file that `rules:` names: what `ipvsadm -S` wrote. "" is a
// file without a line.
func readRules(file string) (*ipvsadm.Rules, error) {
	if file == "" {
		return new(ipvsadm.Rules), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	defer f.Close()
	rules, err := ipvsadm.ParseRules(file, f)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	return rules, nil
}

// checkRules returns what is wrong with the rules of a configuration, but for
// what depends on the host.
func checkRules(c *config.Config) error {
	rules, err := readRules(c.Rules)
	if err != nil {
		return err
	}
	return placed(director.CheckRules(c, rules.Changes), rules)
}

// placed adds the place to what a director said of one of the rules.
func placed(err error, rules *ipvsadm.Rules) error {
	if refused := (*api.Error)(nil); errors.As(err, &refused) {
		return fmt.Errorf("rules: %s: %w", rules.Place(refused.Applied), refused)
	}
	return err
}
