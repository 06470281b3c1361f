// SPDX-License-Identifier: MIT

// Fifty posts at a time, whose length is unknown, with trailers both ways. scripts/packages.sh builds it.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
)

func main() {
	client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	var all sync.WaitGroup
	for i := 0; i < 50; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			req, _ := http.NewRequest("POST", os.Args[1], io.MultiReader(strings.NewReader("hello")))
			req.Trailer = http.Header{"X-Sum": {"7"}}
			resp, err := client.Do(req)
			if err != nil {
				fmt.Println(err)
				return
			}
			body, err := io.ReadAll(resp.Body)
			fmt.Println(resp.Proto, resp.StatusCode, string(body), resp.Trailer.Get("Grpc-Status"), err)
		}()
	}
	all.Wait()
}
