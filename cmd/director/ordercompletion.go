package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"lvsdr/admin/api"
)

// completionTimeout is how long a shell waits for the director before it offers
// nothing.
const completionTimeout = time.Second

// completeServer offers the real servers of the running director.
func (o *orderOptions) completeServer(cmd *cobra.Command, args []string, _ string) (words []string, _ cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, s := range o.services(cmd) {
		for i := range s.Servers {
			if o.service == "" || o.service == s.Name {
				words = append(words, s.Servers[i].Address)
			}
		}
	}
	slices.Sort(words)
	return slices.Compact(words), cobra.ShellCompDirectiveNoFileComp
}

// completeService offers the names of its services.
func (o *orderOptions) completeService(cmd *cobra.Command, _ []string, _ string) (words []string, _ cobra.ShellCompDirective) {
	for _, s := range o.services(cmd) {
		words = append(words, s.Name)
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

func (o *orderOptions) services(cmd *cobra.Command) []api.Service {
	client, err := o.client()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	s, err := client.Status(ctx)
	if err != nil {
		return nil
	}
	return s.Services
}
