module example.com/clew/services/contracts

go 1.26.0
