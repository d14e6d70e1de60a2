// SPDX-License-Identifier: GPL-2.0-only

// What a Go program does: goroutines, channels, garbage, files, HTTP, other programs, timers, signals. Prints the same each time.
package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// Many goroutines on several threads; one of them never calls anything, so that it has to be preempted.
func compute() {
	runtime.GOMAXPROCS(4)
	jobs, results := make(chan int), make(chan int)
	var workers sync.WaitGroup
	for w := 0; w < 16; w++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for from := range jobs {
				count := 0
				for n := from; n < from+1000; n++ {
					prime := n > 1
					for d := 2; d*d <= n && prime; d++ {
						prime = n%d != 0
					}
					if prime {
						count++
					}
				}
				results <- count
			}
		}()
	}
	go func() {
		for from := 0; from < 100000; from += 1000 {
			jobs <- from
		}
		close(jobs)
		workers.Wait()
		close(results)
	}()
	total := 0
	for count := range results {
		total += count
	}
	fmt.Println("primes", total)
}

func forget() {
	kept := map[int][]byte{}
	for i := 0; i < 400; i++ {
		block := make([]byte, 100000)
		for k := 0; k < len(block); k += 1000 {
			block[k] = byte(i + k)
		}
		if i%50 == 0 {
			kept[i] = block
		}
		if i%100 == 0 {
			runtime.GC()
		}
	}
	keys := []int{}
	for key := range kept {
		keys = append(keys, key)
	}
	sort.Ints(keys)
	sum := sha256.New()
	for _, key := range keys {
		sum.Write(kept[key])
	}
	fmt.Printf("kept %x\n", sum.Sum(nil))
}

func files() {
	file, err := os.CreateTemp(".", "work")
	check(err)
	defer os.Remove(file.Name())
	for i := 0; i < 500; i++ {
		fmt.Fprintln(file, "line", i)
	}
	_, err = file.Seek(0, io.SeekStart)
	check(err)
	lines := 0
	for scanner := bufio.NewScanner(file); scanner.Scan(); lines++ {
	}
	fmt.Println("lines", lines)
}

func talk() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %d", r.Method, r.URL.Path, len(body))
	}))
	answers := make([]string, 10)
	var clients sync.WaitGroup
	for i := range answers {
		clients.Add(1)
		go func(i int) {
			defer clients.Done()
			url := fmt.Sprintf("http://%s/%d", listener.Addr(), i)
			response, err := http.Post(url, "text/plain", strings.NewReader(strings.Repeat("x", i*1000)))
			check(err)
			body, err := io.ReadAll(response.Body)
			check(err)
			answers[i] = string(body)
		}(i)
	}
	clients.Wait()
	fmt.Println(strings.Join(answers, ", "))
	listener.Close()
}

func run() {
	command := exec.Command("sh", "-c", "read word; echo heard $word; exit 3")
	command.Stdin = strings.NewReader("hello\n")
	said, err := command.Output()
	fmt.Printf("child %q %v\n", said, err)
}

func signals() {
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGUSR1)
	check(syscall.Kill(os.Getpid(), syscall.SIGUSR1))
	fmt.Println("signal", <-heard)
	ticker, deadline, ticks := time.NewTicker(20*time.Millisecond), time.After(500*time.Millisecond), 0
	for over := false; !over; {
		select {
		case <-ticker.C:
			ticks++
		case <-deadline:
			over = true
		}
	}
	fmt.Println("ticked", ticks > 0)
}

func main() {
	compute()
	forget()
	files()
	talk()
	run()
	signals()
	defer func() {
		fmt.Println("recovered", recover())
		os.Exit(7)
	}()
	var nothing *int
	*nothing = 1
}
