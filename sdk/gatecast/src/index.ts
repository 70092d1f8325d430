export { codes, type Code, type CodeInfo } from './codes.ts'
