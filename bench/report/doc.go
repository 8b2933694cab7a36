// Package report writes what a benchmark found as a page with pictures: Markdown,
// and SVG plots that it draws itself, so that a browser or a code host shows them
// as they are.
package report
