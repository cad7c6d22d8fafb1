module example.com/clew

go 1.26.0
