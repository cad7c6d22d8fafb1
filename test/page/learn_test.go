package page_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
)

// openWithToken opens the page as the address does that `clew up` prints.
func (c *clew) openWithToken(t *testing.T, path string) *pagetest.Tab {
	t.Helper()
	return c.open(t, path+"#token="+c.Token)
}

// command is what JavaScript calls the line of a lesson with a command, the first after a heading.
func command(section, text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('h2, .command')].reduce((found, e) => e.tagName === 'H2'
		? { ...found, here: e.textContent === %q } : found.here && !found.line && e.querySelector('button') && e.firstElementChild.textContent.startsWith(%q)
		? { ...found, line: e } : found, {}).line`, section, text)
}

// does presses the button beside a command, and waits until it printed this.
func does(tab *pagetest.Tab, section, text, prints string) {
	line := command(section, text)
	tab.Until("!" + line + ".querySelector('button').disabled")
	pagetest.Eval[bool](tab, "("+line+".querySelector('button').click(), true)")
	tab.Until("!document.querySelector('.command button').disabled && " + line + ".nextElementSibling.textContent.includes(" + fmt.Sprintf("%q", prints) + ")")
}

const lessons = "/learn/docs/lessons/"

// Lesson 2 is the one that no other test does.
func (c *clew) teaches(t *testing.T) {
	t.Run("what there is", func(t *testing.T) {
		tab := c.openWithToken(t, "/learn")
		tab.Until("document.querySelector('.lessons li') && !document.querySelector('.lessons li:not(:has(.tag))')") // all are checked
		if all := tab.Texts(".lessons li"); len(all) < 3 || !strings.HasPrefix(all[1], "When propagation breaks not done") {
			t.Errorf("lessons: %q", all)
		}
		tab.UntilText("Take messaging into a system of your own")
		tab.Click(".lessons li:nth-child(2) a")
		tab.Until(at(lessons+"2-when-propagation-breaks.md") + " && document.activeElement.textContent === '2. When propagation breaks'")
		tab.Fits()
	})
	t.Run("a lesson is done", c.doesALesson)
	t.Run("without the token", func(t *testing.T) {
		tab := c.open(t, lessons+"1-follow-one-order.md")
		tab.UntilText("it has the token")
		if buttons := tab.Texts(".command button"); len(buttons) != 0 {
			t.Errorf("buttons %q, want none that runs something", buttons)
		}
	})
	t.Run("documents", c.readsDocuments)
}

func (c *clew) doesALesson(t *testing.T) {
	tab := c.openWithToken(t, lessons+"2-when-propagation-breaks.md")
	tab.Until("document.querySelector('article .picture img')")
	pagetest.Eval[bool](tab, "(document.querySelector('article .picture img').scrollIntoView(), true)")
	tab.Until("document.querySelector('article .picture img').naturalWidth > 600")

	does(tab, "Check", "clew lesson check", "no order failed twice in traces that nothing joins to its request: step 2 places one")
	does(tab, "Steps", "clew order --sku test-flaky --propagation off", "confirmed after")
	shown := pagetest.Eval[string](tab, "document.querySelector('.output a').getAttribute('href')")
	tab.Click(".output a")
	tab.Until(at(shown) + " && document.querySelector('.wf')")
	pagetest.Eval[bool](tab, "(history.back(), true)")
	tab.Until(command("Steps", "clew order --sku test-flaky --propagation off") +
		".nextElementSibling.querySelector('.output') && scrollY > 0") // it still stands there, where the reader was
	does(tab, "Steps", "clew order --sku test-flaky --relation link", "confirmed after")
	does(tab, "Check", "clew lesson check", "the exercise asks for one")
	tab.Click("summary:not(nav *)")
	does(tab, "Exercise", "clew order --sku test-crash", "confirmed after")
	does(tab, "Check", "clew lesson check", "lesson 2: done")
	if tags := tab.Texts(".commands .tag-good"); len(tags) != 1 || tags[0] != "done" {
		t.Errorf("%q, want that it is done", tags)
	}

	tab.Click(".neighbours a") // the lesson before
	tab.Until("document.activeElement.textContent === '1. Follow one order'")
	does(tab, "Steps", "clew order", "confirmed after")
	does(tab, "Steps", "clew trace", "INSERT outbox") // of the order that the step before has placed

	tab.Go(c.Addresses.Viewer + lessons + "3-retry-dead-letter-redrive.md")
	does(tab, "Steps", "clew break poison", "fails from now on") // a test before may have fixed it
	does(tab, "Steps", "clew order --sku test-poison", "clew dlq show")
	does(tab, "Steps", "clew fix poison", "succeeds from now on")
	does(tab, "Steps", "clew dlq redrive", "redriven orders/0/") // the letter of that order
	does(tab, "Steps", "clew break poison", "fails from now on")
}

func (c *clew) readsDocuments(t *testing.T) {
	tab := browser.Open(t, c.Addresses.Viewer+"/learn/docs/full-stack.md", pagetest.Look{Width: 390, Dark: true})
	tab.Until("document.activeElement.textContent === 'The full stack'")
	tab.Fits()
	tab.Click("article a[href='/learn/docs/configuration.md']")
	tab.Until(at("/learn/docs/configuration.md") + " && document.activeElement.textContent === 'Configuration'")
	tab.Fits()
	tab.Click("article a[href='#postgres']")
	tab.Until("scrollY > 0 && document.getElementById('postgres').getBoundingClientRect().top < innerHeight")
	tab.Go(c.Addresses.Viewer + "/learn")
	tab.Go(c.Addresses.Viewer + "/learn/docs/configuration.md#postgres")
	tab.Until("document.activeElement.id === 'postgres' && scrollY > 0")
	tab.Go(c.Addresses.Viewer + "/learn/LICENSE#L7")
	tab.Until("document.querySelector('.source .named').id === 'L7'")
	tab.Go(c.Addresses.Viewer + "/learn/docs/lessons/4-the-wait-you-cant-see.md")
	tab.Go(c.Addresses.Viewer + "/learn/LICENSE#L7-L9")
	tab.Until("[...document.querySelectorAll('.source .named')].map(line => line.id).join() === 'L7,L8,L9' && document.activeElement.id === 'L7'")
	tab.Go(c.Addresses.Viewer + "/learn/docs/nothing.md")
	tab.UntilText("There is no document docs/nothing.md. These there are:")
	tab.UntilText("Follow one order")
	tab.Fits()
}
