package job

import (
	"os"
	"strings"
	"testing"
)

// The examples of the README are files that the readers take.
func TestTheREADMEsExamplesAreTaken(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```")
	files := 0
	for _, block := range blocks {
		kind, file, _ := strings.Cut(block, "\n")
		var im *Import
		switch {
		case kind == "text" && strings.HasPrefix(file, "id,name,"):
			im = csvOf(t, []byte(file))
		case kind == "json" && strings.HasPrefix(file, `{"kind"`):
			im = jsonOf(t, []byte(file))
		default:
			continue
		}
		files++
		if im.Wrong > 0 || len(im.Items) == 0 {
			t.Errorf("%d items of\n%s\n%v", len(im.Items), file, im.Errors)
		}
	}
	if files != 2 {
		t.Errorf("%d examples of files, want a CSV and JSON lines", files)
	}
}
